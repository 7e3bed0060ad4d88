//! Reading programs: declarations.
//!
//! Invariant: one token is looked at at a time, every loop takes at least one, and the depth of nested blocks
//! and expressions is counted, so reading ends, in bounded stack, whatever the text.

use cranelift_entity::PrimaryMap;

use crate::entities::Entity;
use crate::{
    Action, ActionCall, ActionId, ActionParam, Bits, Body, BodyId, ControlName, Counter, CounterId, Digest,
    Header, HeaderField, HeaderRef, HeaderType, Key, KeyMatch, Meter, MeterId, Parser, Preserve, Profile,
    Program, Register, Selector, Stack, State, Table, TableAction, TableEntry, TableId, Ty, Union, ValueSet,
    Var, VarId,
};

use super::ParseError;
use super::lexer::{Lexer, Position, Token};
use super::word::Word;

mod code;

pub(super) fn program(text: &str) -> Result<Program, ParseError> {
    let mut reader = Reader::new(text)?;
    reader.program()?;
    match reader.token {
        Token::End => Ok(reader.program),
        _ => Err(reader.unexpected("the end")),
    }
}

/// The fields of a header, if it and its type are declared.
pub(super) fn fields_of<'p>(program: &'p Program, header: &HeaderRef) -> Option<&'p [HeaderField]> {
    let header = match header {
        HeaderRef::One(header) => *header,
        HeaderRef::Element(stack, _) => *program.stacks.get(*stack)?.elements.first()?,
    };
    let header_type = program.header_types.get(program.headers.get(header)?.ty)?;
    Some(&header_type.fields)
}

type Parsed<T> = Result<T, ParseError>;

struct Reader<'t> {
    lexer: Lexer<'t>,
    /// The token not taken yet, and where it begins.
    token: Token,
    position: Position,
    program: Program,
    expression_depth: usize,
    block_depth: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Parsed<Reader<'t>> {
        let mut lexer = Lexer::new(text);
        let (position, token) = lexer.token()?;
        let program = Program::default();
        Ok(Reader { lexer, token, position, program, expression_depth: 0, block_depth: 0 })
    }

    // Tokens.

    fn unexpected(&self, wanted: &str) -> ParseError {
        self.position.error(format!("{wanted} is needed here, not {}", self.token.describe()))
    }

    fn advance(&mut self) -> Parsed<Token> {
        let (position, token) = self.lexer.token()?;
        self.position = position;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn at_mark(&self, mark: &str) -> bool {
        matches!(&self.token, Token::Mark(found) if *found == mark)
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Word(found) if found == word)
    }

    fn take_mark(&mut self, mark: &str) -> Parsed<bool> {
        let found = self.at_mark(mark);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn take_word(&mut self, word: &str) -> Parsed<bool> {
        let found = self.at_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn mark(&mut self, mark: &str) -> Parsed<()> {
        if self.take_mark(mark)? { Ok(()) } else { Err(self.unexpected(&format!("`{mark}`"))) }
    }

    fn word(&mut self, word: &str) -> Parsed<()> {
        if self.take_word(word)? { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"))) }
    }

    fn any_word(&mut self, wanted: &str) -> Parsed<String> {
        match &mut self.token {
            Token::Word(word) => {
                let word = std::mem::take(word);
                self.advance()?;
                Ok(word)
            }
            _ => Err(self.unexpected(wanted)),
        }
    }

    fn name(&mut self) -> Parsed<String> {
        match &mut self.token {
            Token::Word(name) | Token::Str(name) => {
                let name = std::mem::take(name);
                self.advance()?;
                Ok(name)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    fn string(&mut self) -> Parsed<String> {
        match &self.token {
            Token::Str(_) => self.name(),
            _ => Err(self.unexpected("a string")),
        }
    }

    fn number<N: TryFrom<u64>>(&mut self) -> Parsed<N> {
        match &self.token {
            Token::Number(number) => {
                let too_large = self.position.error(format!("{number} is too large here"));
                let number = N::try_from(*number).map_err(|_| too_large)?;
                self.advance()?;
                Ok(number)
            }
            _ => Err(self.unexpected("a number")),
        }
    }

    fn bits(&mut self) -> Parsed<Bits> {
        match &self.token {
            Token::Sized(bits) => {
                let bits = bits.clone();
                self.advance()?;
                Ok(bits)
            }
            _ => Err(self.unexpected("a constant like `8w0x1f`")),
        }
    }

    fn one_of<W: Word>(&mut self) -> Parsed<W> {
        let found = match &self.token {
            Token::Word(word) => W::from_word(word),
            _ => None,
        };
        match found {
            Some(found) => {
                self.advance()?;
                Ok(found)
            }
            None => {
                let words: Vec<&str> = W::ALL.iter().map(|w| w.word()).collect();
                Err(self.unexpected(&format!("one of `{}`", words.join(" "))))
            }
        }
    }

    /// The index that a word stands for, if it has the kind's prefix.
    fn index_in<K: Entity>(word: &str) -> Option<K> {
        let digits = word.strip_prefix(K::PREFIX)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // The largest number is the entity type's mark for none.
        let number: u32 = digits.parse().ok().filter(|n| *n < u32::MAX)?;
        Some(K::new(number as usize))
    }

    fn take_index<K: Entity>(&mut self) -> Parsed<Option<K>> {
        let found = match &self.token {
            Token::Word(word) => Self::index_in(word),
            _ => None,
        };
        if found.is_some() {
            self.advance()?;
        }
        Ok(found)
    }

    fn index<K: Entity>(&mut self) -> Parsed<K> {
        match self.take_index()? {
            Some(index) => Ok(index),
            None => Err(self.unexpected(&format!("an index like `{}0`", K::PREFIX))),
        }
    }

    /// Zero or more indices with commas between them.
    fn indices<K: Entity>(&mut self) -> Parsed<Vec<K>> {
        let mut indices = Vec::new();
        if let Some(first) = self.take_index()? {
            indices.push(first);
            while self.take_mark(",")? {
                indices.push(self.index()?);
            }
        }
        Ok(indices)
    }

    /// Zero or more things with commas between them up to a closing mark, which is taken.
    fn list<T>(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = Vec::new();
        while !self.take_mark(close)? {
            if !items.is_empty() {
                self.mark(",")?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// The index of a declaration, which has to be the next one.
    fn declared<K: Entity, V>(&mut self, map: impl Fn(&Program) -> &PrimaryMap<K, V>) -> Parsed<()> {
        let position = self.position;
        let next = map(&self.program).len();
        if self.index::<K>()?.index() == next {
            Ok(())
        } else {
            Err(position.error(format!("the next to be declared is {}{next}", K::PREFIX)))
        }
    }

    // Declarations.

    fn program(&mut self) -> Parsed<()> {
        self.word("program")?;
        self.program.name = self.name()?;
        self.word("for")?;
        self.program.architecture = self.name()?;
        self.mark("{")?;
        while !self.take_mark("}")? {
            self.declaration()?;
        }
        Ok(())
    }

    fn declaration(&mut self) -> Parsed<()> {
        let position = self.position;
        let kind = self.any_word("a declaration")?;
        match kind.as_str() {
            "ports" => {
                self.program.ports = Some(self.number()?);
                self.mark(";")
            }
            "errors" => self.errors(),
            "header_type" => self.header_type(),
            "header" => self.header(),
            "stack" => self.stack(),
            "union" => self.union(),
            "var" => self.var(),
            "counter" => self.counter(),
            "meter" => self.meter(),
            "register" => self.register(),
            "digest" => self.digest(),
            "profile" => self.profile(),
            "value_set" => self.value_set(),
            "preserve" => self.preserve(),
            "action" => self.action(),
            "table" => self.table(),
            "parser" => self.parser(),
            "body" => self.body(),
            "ingress" => {
                self.program.ingress = Some(self.entry_point()?);
                Ok(())
            }
            "egress" => {
                self.program.egress = Some(self.entry_point()?);
                Ok(())
            }
            _ => Err(position.error(format!("`{kind}` declares nothing"))),
        }
    }

    fn entry_point(&mut self) -> Parsed<BodyId> {
        let body = self.index()?;
        self.mark(";")?;
        Ok(body)
    }

    fn errors(&mut self) -> Parsed<()> {
        let errors = self.list(";", Self::name)?;
        self.program.errors.extend(errors);
        Ok(())
    }

    fn ty(&mut self) -> Parsed<Ty> {
        if self.take_word("varbit")? { Ok(Ty::Varbit(self.number()?)) } else { Ok(Ty::Bits(self.number()?)) }
    }

    fn header_type(&mut self) -> Parsed<()> {
        self.declared(|p| &p.header_types)?;
        let name = self.name()?;
        let mut fields = Vec::new();
        self.mark("{")?;
        while !self.take_mark("}")? {
            let name = self.name()?;
            self.mark(":")?;
            let ty = self.ty()?;
            self.mark(";")?;
            fields.push(HeaderField { name, ty });
        }
        self.program.header_types.push(HeaderType { name, fields });
        Ok(())
    }

    fn header(&mut self) -> Parsed<()> {
        self.declared(|p| &p.headers)?;
        let name = self.name()?;
        self.mark(":")?;
        let ty = self.index()?;
        let union = if self.take_word("in")? { Some(self.index()?) } else { None };
        self.mark(";")?;
        self.program.headers.push(Header { name, ty, union });
        Ok(())
    }

    fn stack(&mut self) -> Parsed<()> {
        self.declared(|p| &p.stacks)?;
        let name = self.name()?;
        self.mark(":")?;
        let elements = self.indices()?;
        self.word("next")?;
        let next = self.index()?;
        self.mark(";")?;
        self.program.stacks.push(Stack { name, elements, next });
        Ok(())
    }

    fn union(&mut self) -> Parsed<()> {
        self.declared(|p| &p.unions)?;
        let name = self.name()?;
        self.mark(":")?;
        let members = self.indices()?;
        self.mark(";")?;
        self.program.unions.push(Union { name, members });
        Ok(())
    }

    fn var(&mut self) -> Parsed<()> {
        self.declared(|p| &p.vars)?;
        let name = self.name()?;
        self.mark(":")?;
        let ty = self.ty()?;
        self.mark(";")?;
        self.program.vars.push(Var { name, ty });
        Ok(())
    }

    fn control(&mut self) -> Parsed<ControlName> {
        let name = self.name()?;
        let id = if self.take_word("id")? { self.number()? } else { 0 };
        let hidden = self.take_word("hidden")?;
        Ok(ControlName { name, id, hidden })
    }

    fn size(&mut self) -> Parsed<u64> {
        self.word("size")?;
        self.number()
    }

    fn direct(&mut self) -> Parsed<Option<TableId>> {
        let table = if self.take_word("direct")? { Some(self.index()?) } else { None };
        self.mark(";")?;
        Ok(table)
    }

    fn counter(&mut self) -> Parsed<()> {
        self.declared(|p| &p.counters)?;
        let control = self.control()?;
        let (unit, size, table) = (self.one_of()?, self.size()?, self.direct()?);
        self.program.counters.push(Counter { control, unit, size, table });
        Ok(())
    }

    fn meter(&mut self) -> Parsed<()> {
        self.declared(|p| &p.meters)?;
        let control = self.control()?;
        let (unit, size, table) = (self.one_of()?, self.size()?, self.direct()?);
        self.program.meters.push(Meter { control, unit, size, table });
        Ok(())
    }

    fn register(&mut self) -> Parsed<()> {
        self.declared(|p| &p.registers)?;
        let control = self.control()?;
        self.word("width")?;
        let width = self.number()?;
        let size = self.size()?;
        self.word("initial")?;
        let initial = self.bits()?;
        self.mark(";")?;
        self.program.registers.push(Register { control, width, size, initial });
        Ok(())
    }

    fn digest(&mut self) -> Parsed<()> {
        self.declared(|p| &p.digests)?;
        let control = self.control()?;
        let mut fields = Vec::new();
        self.mark("{")?;
        while !self.take_mark("}")? {
            let name = self.name()?;
            self.mark(":")?;
            fields.push((name, self.number()?));
            self.mark(";")?;
        }
        self.program.digests.push(Digest { control, fields });
        Ok(())
    }

    fn profile(&mut self) -> Parsed<()> {
        self.declared(|p| &p.profiles)?;
        let control = self.control()?;
        let size = self.size()?;
        let mut selector = None;
        if self.take_word("selector")? {
            let algorithm = self.one_of()?;
            self.word("width")?;
            let width = self.number()?;
            self.word("max_group_size")?;
            selector = Some(Selector { algorithm, width, max_group_size: self.number()? });
        }
        self.mark(";")?;
        self.program.profiles.push(Profile { control, size, selector });
        Ok(())
    }

    fn value_set(&mut self) -> Parsed<()> {
        self.declared(|p| &p.value_sets)?;
        let control = self.control()?;
        let mut keys = Vec::new();
        self.mark("{")?;
        while !self.take_mark("}")? {
            let name = self.name()?;
            self.mark(":")?;
            keys.push((name, self.number()?, self.one_of()?));
            self.mark(";")?;
        }
        let size = self.size()?;
        self.mark(";")?;
        self.program.value_sets.push(ValueSet { control, keys, size });
        Ok(())
    }

    fn preserve(&mut self) -> Parsed<()> {
        self.declared(|p| &p.preserves)?;
        self.word("vars")?;
        let vars = self.indices()?;
        self.word("headers")?;
        let headers = self.indices()?;
        self.mark(";")?;
        self.program.preserves.push(Preserve { vars, headers });
        Ok(())
    }

    fn action(&mut self) -> Parsed<()> {
        self.declared(|p| &p.actions)?;
        let control = self.control()?;
        self.mark("(")?;
        let params = self.list(")", |r| {
            let name = r.name()?;
            r.mark(":")?;
            Ok(ActionParam { name, var: r.index::<VarId>()? })
        })?;
        let body = self.block()?;
        self.program.actions.push(Action { control, params, body });
        Ok(())
    }

    fn body(&mut self) -> Parsed<()> {
        self.declared(|p| &p.bodies)?;
        let name = self.name()?;
        let block = self.block()?;
        self.program.bodies.push(Body { name, block });
        Ok(())
    }

    fn parser(&mut self) -> Parsed<()> {
        self.declared(|p| &p.parsers)?;
        let name = self.name()?;
        self.mark("{")?;
        self.word("error")?;
        let error = self.index()?;
        self.mark(";")?;
        self.word("steps")?;
        let step_bound = self.number()?;
        self.mark(";")?;
        self.word("start")?;
        let start = self.index()?;
        self.mark(";")?;
        let mut states = PrimaryMap::new();
        while !self.take_mark("}")? {
            self.word("state")?;
            let position = self.position;
            if self.index::<crate::StateId>()? != states.next_key() {
                return Err(position.error(format!("the next to be declared is {}", states.next_key())));
            }
            let name = self.name()?;
            self.mark("{")?;
            let mut block = Vec::new();
            while !self.at_word("transition") {
                block.push(self.stmt()?);
            }
            let transition = self.transition()?;
            self.mark("}")?;
            states.push(State { name, block, transition });
        }
        self.program.parsers.push(Parser { name, states, start, error, step_bound });
        Ok(())
    }

    fn table(&mut self) -> Parsed<()> {
        self.declared(|p| &p.tables)?;
        let mut table = Table {
            control: self.control()?,
            keys: Vec::new(),
            actions: Vec::new(),
            default_action: ActionCall { action: 0, args: Vec::new() },
            const_default: false,
            entries: Vec::new(),
            const_entries: false,
            largest_priority_wins: true,
            size: 1024,
            profile: None,
            direct_counter: None,
            direct_meter: None,
            idle_timeout: false,
        };
        self.mark("{")?;
        while !self.take_mark("}")? {
            self.table_part(&mut table)?;
            self.mark(";")?;
        }
        self.program.tables.push(table);
        Ok(())
    }

    /// A part of a table, up to its semicolon.
    fn table_part(&mut self, table: &mut Table) -> Parsed<()> {
        let position = self.position;
        let part = self.any_word("a part of a table")?;
        match part.as_str() {
            "key" => {
                let (kind, width, name) = (self.one_of()?, self.number()?, self.name()?);
                self.mark("=")?;
                let expr = self.expr()?;
                table.keys.push(Key { name, expr, width, kind });
            }
            "action" => {
                let action = self.index()?;
                let default_only = self.take_word("default_only")?;
                let table_only = self.take_word("table_only")?;
                let copy_in = if self.take_word("copy_in")? { self.block()? } else { Vec::new() };
                let copy_out = if self.take_word("copy_out")? { self.block()? } else { Vec::new() };
                table.actions.push(TableAction { action, copy_in, copy_out, default_only, table_only });
            }
            "default" => {
                table.const_default = self.take_word("const")?;
                table.default_action = self.action_call(table)?;
            }
            "entry" => {
                self.mark("(")?;
                let matches = self.list(")", Self::key_match)?;
                let is_const = self.take_word("const")?;
                let priority = if self.take_word("priority")? { self.number()? } else { 0 };
                self.mark(":")?;
                let action = self.action_call(table)?;
                table.entries.push(TableEntry { matches, priority, action, is_const });
            }
            "const_entries" => table.const_entries = true,
            "smallest_priority_wins" => table.largest_priority_wins = false,
            "idle_timeout" => table.idle_timeout = true,
            "size" => table.size = self.number()?,
            "profile" => table.profile = Some(self.index()?),
            "direct_counter" => table.direct_counter = Some(self.index::<CounterId>()?),
            "direct_meter" => table.direct_meter = Some(self.index::<MeterId>()?),
            _ => return Err(position.error(format!("`{part}` is no part of a table"))),
        }
        Ok(())
    }

    fn action_call(&mut self, table: &Table) -> Parsed<ActionCall> {
        let position = self.position;
        let action = match self.take_index::<ActionId>()? {
            Some(id) => (table.actions.iter().position(|a| a.action == id))
                .ok_or_else(|| position.error(format!("{id} is not among the table's actions above")))?,
            None => self.number()?,
        };
        self.mark("(")?;
        Ok(ActionCall { action, args: self.list(")", Self::bits)? })
    }

    fn key_match(&mut self) -> Parsed<KeyMatch> {
        if self.take_word("any")? {
            return Ok(KeyMatch::Any);
        }
        let value = self.bits()?;
        if self.take_mark("/")? {
            Ok(KeyMatch::Lpm { value, prefix_len: self.number()? })
        } else if self.take_mark("&&&")? {
            Ok(KeyMatch::Ternary { value, mask: self.bits()? })
        } else if self.take_mark("..")? {
            Ok(KeyMatch::Range { low: value, high: self.bits()? })
        } else {
            Ok(KeyMatch::Exact(value))
        }
    }
}
