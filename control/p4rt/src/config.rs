//! What a core is set up with.

/// Set-up of a core.
#[derive(Clone, Debug)]
pub struct Config {
    /// The device's number. The specification excludes 0, but BMv2's users number from there, so it is taken.
    pub device_id: u64,
    /// Nanoseconds from 1970 to the zero of the times that the core is given.
    pub epoch_ns: u64,
    /// Streams at most, for each role.
    pub streams_per_role: usize,
    /// Messages that wait for a stream to take them; what comes on top is dropped, packets and notifications first.
    pub stream_messages: usize,
    /// Encoded size of a [`heddle_p4rt_proto::v1::ReadResponse`] at most, as long as it has more than one entity.
    pub read_bytes: usize,
    /// Time between two looks for idle entries.
    pub idle_scan_ns: u64,
    /// The port by which the controller's packets come and go, for programs that do not translate ports.
    pub controller_port: u32,
    /// Egress queues: the classes of service that clone sessions may have.
    pub classes_of_service: u32,
    /// Table entries, members and groups at most, over all tables and profiles; none: what the program's sizes allow.
    pub entries_max: Option<u64>,
    /// Whether what is wrong with a message on a stream is told on that stream (section 16.6).
    pub stream_errors: bool,
    /// What controllers call things that a program translates.
    pub translations: Vec<TranslationConfig>,
}

/// A mapping between controllers' values and the program's, for a URI of `@p4runtime_translation`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TranslationConfig {
    /// The URI.
    pub uri: String,
    /// Pairs: what controllers say, and the program's value.
    pub pairs: Vec<(SdnValue, u64)>,
}

/// What controllers say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SdnValue {
    /// A number.
    Number(u64),
    /// A name.
    Text(String),
}

impl Default for Config {
    fn default() -> Config {
        Config {
            device_id: 1,
            epoch_ns: 0,
            streams_per_role: 64,
            stream_messages: 4_096,
            read_bytes: 1 << 20,
            idle_scan_ns: 100_000_000,
            controller_port: 510,
            classes_of_service: 8,
            entries_max: None,
            stream_errors: true,
            translations: Vec::new(),
        }
    }
}
