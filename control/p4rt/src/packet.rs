//! Packets between switch and controller: the controller headers in front of them as messages (section 16.1).

use bytes::Bytes;
use heddle_ir::Bits;
use heddle_p4rt_proto::v1;

use crate::pipeline::Loaded;
use crate::schema::PacketHeader;
use crate::status::Refusal;

fn whole_bytes(header: &PacketHeader) -> Result<usize, Refusal> {
    let width = header.width();
    if !width.is_multiple_of(8) {
        return Err(Refusal::precondition(format!(
            "the program's controller header has {width} bits, which is not a number of whole bytes; pad it"
        )));
    }
    Ok(width as usize / 8)
}

/// The packet that a controller sends, with its header in front.
///
/// # Errors
/// `INVALID_ARGUMENT` for metadata that are not those of the P4Info, `OUT_OF_RANGE` for values that do not fit.
pub(crate) fn packet_out(loaded: &mut Loaded, packet: &v1::PacketOut) -> Result<Bytes, Refusal> {
    let Loaded { schema, translations, .. } = loaded;
    let header = &schema.packet_out;
    let length = whole_bytes(header)?;
    let known = |id: u32| header.fields.iter().any(|field| field.id == id);
    if let Some(extra) = packet.metadata.iter().find(|given| !known(given.metadata_id)) {
        let fields: Vec<String> = header.fields.iter().map(|f| format!("{} (`{}`)", f.id, f.name)).collect();
        return Err(Refusal::invalid(format!(
            "packet_out has no metadata with id {}; its fields are {}",
            extra.metadata_id,
            if fields.is_empty() { "none".to_owned() } else { fields.join(", ") }
        )));
    }
    let mut bits = Bits::zero(0);
    for field in &header.fields {
        let place = |refusal: Refusal| refusal.at(format_args!("packet_out, metadata `{}`", field.name));
        let mut given = packet.metadata.iter().filter(|given| given.metadata_id == field.id);
        let value = match (given.next(), given.next()) {
            (Some(one), None) => translations.decode(field.coding, field.width, &one.value).map_err(place)?,
            (None, _) if field.is_padding => Bits::zero(field.width),
            (None, _) => return Err(place(Refusal::invalid("no value is given, and every field needs one"))),
            (Some(_), Some(_)) => {
                return Err(place(Refusal::invalid("the field is given twice; give it once")));
            }
        };
        bits = bits.concat(&value);
    }
    if length == 0 {
        return Ok(packet.payload.clone());
    }
    let mut bytes = bits.to_be_bytes();
    bytes.extend_from_slice(&packet.payload);
    Ok(bytes.into())
}

/// What a controller is told of a packet; none if it is too short for its header.
pub(crate) fn packet_in(loaded: &Loaded, packet: &Bytes) -> Option<v1::PacketIn> {
    let header = &loaded.schema.packet_in;
    let length = whole_bytes(header).ok()?;
    if packet.len() < length {
        return None;
    }
    let (front, payload) = (packet.slice(..length), packet.slice(length..));
    let bits = Bits::from_be_bytes(header.width(), &front);
    let mut left = header.width();
    let mut metadata = Vec::with_capacity(header.fields.len());
    for field in &header.fields {
        let high = left;
        left -= field.width;
        let value = if field.width == 0 { Bits::zero(0) } else { bits.slice(high - 1, left) };
        let value = loaded.translations.encode(field.coding, &value);
        metadata.push(v1::PacketMetadata { metadata_id: field.id, value });
    }
    Some(v1::PacketIn { payload, metadata })
}
