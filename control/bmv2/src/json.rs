//! Reading JSON by path: every part knows where in the document it stands.
//!
//! Invariant: whatever the document holds, reading gives a part or an [`Error`] that names the path.

use std::rc::Rc;

use serde::Deserialize as _;
use serde_json::Value;

use crate::error::{Error, Lower};

/// Nesting beyond which a document is refused; an operator of an expression takes two levels.
const DEPTH_MAX: usize = 600;

/// Reads a document.
pub(crate) fn parse(text: &[u8]) -> Lower<Value> {
    let depth = depth(text);
    if depth > DEPTH_MAX {
        return Err(Error::NotJson(format!("it nests {depth} deep, and more than {DEPTH_MAX} is refused")));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.disable_recursion_limit();
    let value = Value::deserialize(&mut reader).map_err(|e| Error::NotJson(e.to_string()))?;
    reader.end().map_err(|e| Error::NotJson(e.to_string()))?;
    Ok(value)
}

/// How deep brackets nest.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[derive(Debug)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

#[derive(Debug)]
struct Path<'a> {
    parent: Option<Rc<Path<'a>>>,
    step: Step<'a>,
}

/// A part of the document.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) value: &'a Value,
    path: Option<Rc<Path<'a>>>,
}

impl<'a> Node<'a> {
    /// The whole document.
    pub(crate) fn root(value: &'a Value) -> Node<'a> {
        Node { value, path: None }
    }

    /// Where it stands.
    pub(crate) fn path(&self) -> String {
        let mut steps = Vec::new();
        let mut at = &self.path;
        while let Some(path) = at {
            steps.push(&path.step);
            at = &path.parent;
        }
        let mut text = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Key(key) if text.is_empty() => text.push_str(key),
                Step::Key(key) => text.push_str(&format!(".{key}")),
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        if text.is_empty() { "the document".to_owned() } else { text }
    }

    /// Something is wrong with it.
    pub(crate) fn wrong<T>(&self, what: impl Into<String>) -> Lower<T> {
        Err(Error::Wrong { path: self.path(), what: what.into() })
    }

    fn expected<T>(&self, what: &str) -> Lower<T> {
        let found = match self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(value) => format!("the number {value}"),
            Value::String(value) => format!("the string `{}`", value.chars().take(40).collect::<String>()),
            Value::Array(items) => format!("an array of {}", items.len()),
            Value::Object(_) => "an object".to_owned(),
        };
        self.wrong(format!("{what} is expected here, not {found}"))
    }

    fn step(&self, value: &'a Value, step: Step<'a>) -> Node<'a> {
        Node { value, path: Some(Rc::new(Path { parent: self.path.clone(), step })) }
    }

    /// A member; `None` if it is missing or null.
    pub(crate) fn opt(&self, key: &'a str) -> Option<Node<'a>> {
        self.value.get(key).filter(|v| !v.is_null()).map(|v| self.step(v, Step::Key(key)))
    }

    /// A member, which may be null.
    pub(crate) fn get(&self, key: &'a str) -> Lower<Node<'a>> {
        match self.value {
            Value::Object(members) => match members.get(key) {
                Some(value) => Ok(self.step(value, Step::Key(key))),
                None => self.wrong(format!("member `{key}` is missing")),
            },
            _ => self.expected(&format!("an object with a member `{key}`")),
        }
    }

    /// Elements.
    pub(crate) fn items(&self) -> Lower<Vec<Node<'a>>> {
        match self.value {
            Value::Array(items) => {
                Ok(items.iter().enumerate().map(|(i, v)| self.step(v, Step::Index(i))).collect())
            }
            _ => self.expected("an array"),
        }
    }

    /// The elements of a member that may be missing.
    pub(crate) fn list(&self, key: &'a str) -> Lower<Vec<Node<'a>>> {
        self.opt(key).map_or(Ok(Vec::new()), |node| node.items())
    }

    /// Exactly so many elements.
    pub(crate) fn tuple<const N: usize>(&self) -> Lower<[Node<'a>; N]> {
        match self.items()?.try_into() {
            Ok(tuple) => Ok(tuple),
            Err(_) => self.expected(&format!("an array of {N}")),
        }
    }

    /// A string.
    pub(crate) fn text(&self) -> Lower<&'a str> {
        match self.value {
            Value::String(text) => Ok(text),
            _ => self.expected("a string"),
        }
    }

    /// A number that is not negative.
    pub(crate) fn number(&self) -> Lower<u64> {
        match self.value.as_u64() {
            Some(number) => Ok(number),
            None => self.expected("a number that is not negative"),
        }
    }

    /// A number of bits or elements.
    pub(crate) fn small(&self) -> Lower<u32> {
        match self.value.as_u64().and_then(|n| u32::try_from(n).ok()) {
            Some(number) => Ok(number),
            None => self.expected("a number from 0 to 4294967295"),
        }
    }

    /// True or false.
    pub(crate) fn truth(&self) -> Lower<bool> {
        match self.value {
            Value::Bool(value) => Ok(*value),
            _ => self.expected("true or false"),
        }
    }

    /// A member that says yes or no, if it is there.
    pub(crate) fn flag(&self, key: &'a str, otherwise: bool) -> Lower<bool> {
        self.opt(key).map_or(Ok(otherwise), |node| node.truth())
    }

    /// The text of member `name`.
    pub(crate) fn name(&self) -> Lower<&'a str> {
        self.get("name")?.text()
    }

    /// What kind of value it is, and the value: members `type` and `value`.
    pub(crate) fn typed(&self) -> Lower<(&'a str, Node<'a>)> {
        Ok((self.get("type")?.text()?, self.get("value")?))
    }
}
