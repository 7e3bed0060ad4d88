//! Reading a command from left to right: names, keys, values, actions.
//!
//! Invariant: a cursor only moves forward, and only over what it gives.

use super::script::{ActionText, number};

/// What is left of a command. Spaces between its parts count for nothing, as in p4c's own reader.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'t>(pub(super) &'t str);

impl<'t> Cursor<'t> {
    pub(super) fn rest(&self) -> &'t str {
        self.0.trim()
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        match self.0.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// The text up to where `ends` says; nothing if it ends at once.
    pub(super) fn take_until(&mut self, ends: impl FnMut(char) -> bool) -> &'t str {
        let text = self.0.trim_start();
        let (taken, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
        self.0 = rest;
        taken
    }

    /// A name, quoted or not: whatever a quoted one holds, brackets with what is between them (`h.f[7:4]`).
    pub(super) fn name(&mut self) -> String {
        let text = self.0.trim_start();
        if let Some((quoted, rest)) = text.strip_prefix('"').and_then(|text| text.split_once('"')) {
            self.0 = rest;
            return quoted.to_owned();
        }
        let mut depth = 0_usize;
        let name = self.take_until(|c| match c {
            '[' => {
                depth += 1;
                false
            }
            ']' => {
                depth = depth.saturating_sub(1);
                false
            }
            ':' | '(' | ')' | ',' | '=' => depth == 0,
            c => depth == 0 && c.is_whitespace(),
        });
        name.to_owned()
    }

    /// The priority of an entry, if there is one, and its keys.
    pub(super) fn entry_key(&mut self) -> (Option<u32>, Vec<(String, String)>) {
        let mut priority = None;
        let mut ahead = *self;
        if let Some(number) = number(&ahead.name())
            && !ahead.0.trim_start().starts_with(':')
        {
            (priority, *self) = (Some(number), ahead);
        }
        // Keys come before the action, whose name is followed by a parenthesis; a key's name may hold one too
        // (`hdr.isValid():1`), but then a colon follows it.
        let mut keys = Vec::new();
        loop {
            let mut ahead = *self;
            let mut key = ahead.name();
            if ahead.eat("()") {
                key.push_str("()");
            }
            if !ahead.eat(":") {
                return (priority, keys);
            }
            keys.push((key, ahead.match_value()));
            *self = ahead;
        }
    }

    /// What is left: nothing, or `= ID`.
    pub(super) fn entry_id(&mut self) -> Result<Option<String>, ()> {
        if self.rest().is_empty() {
            return Ok(None);
        }
        let equals = self.eat("=");
        let id = self.rest().trim_start_matches('$');
        (equals && !id.is_empty() && !id.contains(char::is_whitespace)).then(|| Some(id.to_owned())).ok_or(())
    }

    /// A key's value: `v`, `v/n`, `v&&&m`, `l..h` or `l->h`, also with spaces around the operator.
    pub(super) fn match_value(&mut self) -> String {
        let mut value = self.take_until(char::is_whitespace).to_owned();
        for operator in ["/", "&&&", "..", "->"] {
            if value.ends_with(operator) || self.eat(operator) {
                if !value.ends_with(operator) {
                    value.push_str(operator);
                }
                value.push_str(self.take_until(char::is_whitespace));
            }
        }
        value
    }

    /// `name(arg:value, ...)`.
    pub(super) fn action(&mut self) -> Result<ActionText, String> {
        let text = self.rest();
        let wanted = || format!("an action with its arguments in parentheses is wanted, not `{text}`");
        let name = self.name();
        if name.is_empty() || !self.eat("(") {
            return Err(wanted());
        }
        let mut args = Vec::new();
        while !self.eat(")") {
            if self.rest().is_empty() {
                return Err(wanted());
            }
            args.push(self.argument());
            self.eat(",");
        }
        Ok(ActionText { name, args })
    }

    pub(super) fn argument(&mut self) -> (Option<String>, String) {
        let ends = |c: char| matches!(c, ',' | ')') || c.is_whitespace();
        let mut ahead = *self;
        let name = ahead.name();
        // An address without a name holds colons as well, and begins with a digit.
        if !name.starts_with(|c: char| c.is_ascii_digit()) && ahead.eat(":") {
            *self = ahead;
            return (Some(name), self.take_until(ends).to_owned());
        }
        (None, self.take_until(ends).to_owned())
    }
}
