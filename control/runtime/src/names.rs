//! Looking things up by the names people use.
//!
//! A control-plane name is fully qualified (`MyIngress.ipv4_lpm`). People may leave out leading components as
//! long as what is left is unambiguous: the full name wins, then a suffix at a dot, then any suffix.

use heddle_ir::{
    ActionId, ControlName, CounterId, DigestId, MeterId, ProfileId, Program, RegisterId, TableId,
};

/// Why a name means nothing, or too much.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is called that.
    #[error("there is no {kind} `{name}`{}", alternatives(.known, .kind))]
    Unknown {
        /// `table`, `action of table t`, ...
        kind: String,
        /// As given.
        name: String,
        /// What there is, nearest first.
        known: Vec<String>,
    },
    /// Several things could be meant.
    #[error("`{name}` could be any of these {kind}s: {}; give the full name", .candidates.join(", "))]
    Ambiguous {
        /// Likewise.
        kind: String,
        /// As given.
        name: String,
        /// What it could be.
        candidates: Vec<String>,
    },
}

const KNOWN_MAX: usize = 8;

fn alternatives(names: &[String], kind: &str) -> String {
    match names {
        [] => format!("; the program has no {kind} at all"),
        names if names.len() <= KNOWN_MAX => format!("; there is {}", names.join(", ")),
        names => format!("; there is {} and {} more", names[..KNOWN_MAX].join(", "), names.len() - KNOWN_MAX),
    }
}

/// Finds `name` among `all` (pairs of control-plane name and what it stands for).
fn find<T: Copy>(kind: &str, name: &str, all: impl Iterator<Item = (String, T)>) -> Result<T, NameError> {
    let all: Vec<_> = all.collect();
    if let Some((_, found)) = all.iter().find(|(full, _)| full == name) {
        return Ok(*found);
    }
    let dotted = format!(".{name}");
    for suffix in [dotted.as_str(), name] {
        let matching: Vec<_> =
            all.iter().filter(|(full, _)| !name.is_empty() && full.ends_with(suffix)).collect();
        match matching.as_slice() {
            [] => {}
            [(_, found)] => return Ok(*found),
            several => {
                return Err(NameError::Ambiguous {
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                    candidates: several.iter().map(|(full, _)| full.clone()).collect(),
                });
            }
        }
    }
    let mut known: Vec<String> = all.into_iter().map(|(full, _)| full).collect();
    known.sort_by_key(|candidate| distance(candidate, name));
    Err(NameError::Unknown { kind: kind.to_owned(), name: name.to_owned(), known })
}

/// Edit distance of the last components, good enough to put the likely ones first.
fn distance(candidate: &str, name: &str) -> usize {
    let last = |s: &str| s.rsplit('.').next().unwrap_or(s).chars().take(64).collect::<Vec<char>>();
    let (a, b) = (last(candidate), last(name));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A program's names.
#[derive(Clone, Copy, Debug)]
pub struct Names<'p> {
    program: &'p Program,
}

impl<'p> Names<'p> {
    /// The names of `program`.
    pub fn new(program: &'p Program) -> Self {
        Self { program }
    }

    /// The program.
    pub fn program(&self) -> &'p Program {
        self.program
    }

    /// A table.
    ///
    /// # Errors
    /// If no table or several could be meant.
    pub fn table(&self, name: &str) -> Result<TableId, NameError> {
        find("table", name, self.program.tables.iter().map(|(id, t)| (t.control.name.clone(), id)))
    }

    /// An action of a table.
    ///
    /// # Errors
    /// If no action of that table or several could be meant.
    pub fn action(&self, table: TableId, name: &str) -> Result<ActionId, NameError> {
        let table = &self.program.tables[table];
        let kind = format!("action of table `{}`", table.control.name);
        let actions = table.actions.iter().map(|a| a.action);
        find(&kind, name, actions.map(|id| (self.program.actions[id].control.name.clone(), id)))
    }

    /// A key of a table, by position. `$valid$` and `valid` stand for `isValid()`, `x$1` for `x[1]`: the names
    /// that older tools gave them.
    ///
    /// # Errors
    /// If no key of that table or several could be meant.
    pub fn key(&self, table: TableId, name: &str) -> Result<usize, NameError> {
        let table = &self.program.tables[table];
        let kind = format!("key of table `{}`", table.control.name);
        let keys = || table.keys.iter().enumerate().map(|(i, key)| (key.name.clone(), i));
        let error = match find(&kind, name, keys()) {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        // Scripts for converted programs name a header for its validity.
        let validity = format!("{name}.$valid$");
        let others = [older_key_name(name), validity];
        others.iter().find_map(|other| find(&kind, other, keys()).ok()).ok_or(error)
    }

    /// A parameter of an action, by position.
    ///
    /// # Errors
    /// If the action has no such parameter.
    pub fn param(&self, action: ActionId, name: &str) -> Result<usize, NameError> {
        let action = &self.program.actions[action];
        let kind = format!("parameter of action `{}`", action.control.name);
        match action.params.iter().position(|p| p.name == name) {
            Some(position) => Ok(position),
            None => Err(NameError::Unknown {
                kind,
                name: name.to_owned(),
                known: action.params.iter().map(|p| p.name.clone()).collect(),
            }),
        }
    }

    /// A counter, direct or not.
    ///
    /// # Errors
    /// If no counter or several could be meant.
    pub fn counter(&self, name: &str) -> Result<CounterId, NameError> {
        self.control_named("counter", name, self.program.counters.iter().map(|(id, c)| (&c.control, id)))
    }

    /// A meter, direct or not.
    ///
    /// # Errors
    /// If no meter or several could be meant.
    pub fn meter(&self, name: &str) -> Result<MeterId, NameError> {
        self.control_named("meter", name, self.program.meters.iter().map(|(id, m)| (&m.control, id)))
    }

    /// A register.
    ///
    /// # Errors
    /// If no register or several could be meant.
    pub fn register(&self, name: &str) -> Result<RegisterId, NameError> {
        self.control_named("register", name, self.program.registers.iter().map(|(id, r)| (&r.control, id)))
    }

    /// A digest.
    ///
    /// # Errors
    /// If no digest or several could be meant.
    pub fn digest(&self, name: &str) -> Result<DigestId, NameError> {
        self.control_named("digest", name, self.program.digests.iter().map(|(id, d)| (&d.control, id)))
    }

    /// An action profile or selector.
    ///
    /// # Errors
    /// If no profile or several could be meant.
    pub fn profile(&self, name: &str) -> Result<ProfileId, NameError> {
        self.control_named(
            "action profile",
            name,
            self.program.profiles.iter().map(|(id, p)| (&p.control, id)),
        )
    }

    fn control_named<'a, T: Copy>(
        &self,
        kind: &str,
        name: &str,
        all: impl Iterator<Item = (&'a ControlName, T)>,
    ) -> Result<T, NameError> {
        find(kind, name, all.map(|(control, id)| (control.name.clone(), id)))
    }
}

fn older_key_name(name: &str) -> String {
    let name = name.strip_suffix('$').unwrap_or(name);
    let name = match name.strip_suffix(".$valid").or_else(|| name.strip_suffix(".valid")) {
        Some(header) => format!("{header}.isValid()"),
        None if name == "valid" || name == "$valid" => "isValid()".to_owned(),
        None => name.to_owned(),
    };
    // extra$0.h -> extra[0].h
    let mut out = String::with_capacity(name.len());
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '$' && chars.peek().is_some_and(char::is_ascii_digit) {
            out.push('[');
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                out.push(digit);
            }
            out.push(']');
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Result<u32, NameError> {
        let all = [("Ingress.ipv4_lpm", 1), ("Ingress.acl", 2), ("Egress.acl", 3), ("Egress.send_frame", 4)];
        find("table", name, all.into_iter().map(|(n, id)| (n.to_owned(), id)))
    }

    #[test]
    fn full_name_suffix_at_a_dot_and_any_suffix() {
        assert_eq!(lookup("Ingress.acl"), Ok(2));
        assert_eq!(lookup("ipv4_lpm"), Ok(1));
        assert_eq!(lookup("frame"), Ok(4));
    }

    #[test]
    fn ambiguous_and_unknown_names_say_what_there_is() {
        let error = lookup("acl").unwrap_err().to_string();
        assert!(error.contains("Ingress.acl, Egress.acl"), "{error}");
        let error = lookup("ipv4_lpn").unwrap_err().to_string();
        assert!(error.contains("there is Ingress.ipv4_lpm"), "{error}");
        assert!(lookup("").is_err());
    }

    #[test]
    fn older_key_names() {
        assert_eq!(older_key_name("hdr.data.$valid$"), "hdr.data.isValid()");
        assert_eq!(older_key_name("extra$0.h"), "extra[0].h");
        assert_eq!(older_key_name("hdr.ipv4.dst"), "hdr.ipv4.dst");
    }
}
