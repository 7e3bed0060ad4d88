//! Declarations (P4-16 §6.5, §7.2, §11), at the top level and those that parsers, controls and blocks share.

use super::scope::Binding;
use super::statements::Context;
use super::{Parsed, Parser, Reported};
use crate::diag::Diagnostic;
use crate::diag::codes::*;
use crate::source::Span;
use crate::syntax::ast::*;
use crate::syntax::token::{Token, TokenKind};

/// What begins a top-level declaration in P4-14 and nothing in P4-16.
const P4_14_WORDS: &[&str] = &[
    "header_type",
    "metadata",
    "field_list",
    "field_list_calculation",
    "calculated_field",
    "parser_exception",
    "primitive_action",
    "action_profile",
    "action_selector",
    "counter",
    "meter",
    "register",
];

/// Where a declaration stands that begins with a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the top level: instances and functions.
    TopLevel,
    /// In a parser or control: instances and variables.
    Local,
    /// In a block: variables; instances are taken too, for the checker to refuse.
    Block,
    /// In the braces of an instance: functions and instances.
    Initializer,
}

impl Parser<'_> {
    /// `p4program`
    pub(super) fn program(&mut self) -> SourceUnit {
        let mut decls = Vec::new();
        while !self.is_at(TokenKind::Eof) {
            if self.eat(TokenKind::Semicolon).is_some() {
                continue;
            }
            if let Some(brace) = self.eat(TokenKind::RightBrace) {
                self.at -= 1;
                let message = "unexpected `}` at the top level";
                self.report(Diagnostic::error(UNEXPECTED_TOKEN, brace.span, message));
                self.at += 1;
                continue;
            }
            if let Some(Some(decl)) = self.recovered(Self::declaration) {
                decls.push(decl);
            }
        }
        SourceUnit { decls, end: self.peek().span }
    }

    /// `declaration`
    fn declaration(&mut self) -> Parsed<Option<Decl>> {
        let start = self.here();
        let annotations = self.annotations()?;
        if self.is_p4_14() {
            let diagnostic =
                Diagnostic::error(P4_14_PROGRAM, self.here(), "this is P4-14, which is not supported")
                    .primary_label("P4-16 has no such declaration")
                    .help(
                        "`p4test --std p4-14 --pp new.p4 old.p4` of the reference compiler converts to P4-16",
                    );
            return Err(self.give_up(diagnostic));
        }
        let kind = match self.kind() {
            TokenKind::Const => self.constant()?,
            TokenKind::Extern => match self.extern_declaration()? {
                Some(kind) => kind,
                None => return Ok(None),
            },
            TokenKind::Action => self.action()?,
            TokenKind::Parser => self.parser_declaration()?,
            TokenKind::Control => self.control_declaration()?,
            TokenKind::Package => self.package()?,
            TokenKind::Header | TokenKind::HeaderUnion | TokenKind::Struct => self.composite()?,
            TokenKind::Enum => self.enumeration()?,
            TokenKind::Typedef | TokenKind::Type => self.typedef()?,
            TokenKind::Error if self.kind_ahead(1) == TokenKind::LeftBrace => {
                self.bump();
                DeclKind::Error(self.identifier_list()?)
            }
            TokenKind::MatchKind if self.kind_ahead(1) == TokenKind::LeftBrace => {
                self.bump();
                DeclKind::MatchKind(self.identifier_list()?)
            }
            TokenKind::Table | TokenKind::ValueSet | TokenKind::Transition => {
                return Err(self.member_at_top_level());
            }
            TokenKind::State | TokenKind::Apply
                if self.kind_ahead(1) == TokenKind::LeftBrace
                    || self.kind_ahead(2) == TokenKind::LeftBrace =>
            {
                return Err(self.member_at_top_level());
            }
            kind if Self::begins_keyword_type(kind)
                || kind.is_name()
                || matches!(kind, TokenKind::Error | TokenKind::Dot) =>
            {
                self.declaration_after_type(Place::TopLevel)?
            }
            _ => {
                let diagnostic = self.mismatch(EXPECTED_DECLARATION, "a declaration");
                return Err(self.report(diagnostic));
            }
        };
        Ok(Some(Decl { annotations, kind, span: self.span_from(start) }))
    }

    fn member_at_top_level(&mut self) -> Reported {
        let token = self.peek();
        let message = format!("`{}` at the top level", token.kind.text());
        let diagnostic = Diagnostic::error(MISPLACED, token.span, message)
            .note("tables and `apply` belong into a control, states and value sets into a parser");
        self.report(diagnostic)
    }

    /// Whether a declaration of P4-14 begins here.
    fn is_p4_14(&self) -> bool {
        let (token, second, third) = (self.peek(), self.kind_ahead(1), self.kind_ahead(2));
        match token.kind {
            TokenKind::Ident => {
                second == TokenKind::Ident
                    && matches!(third, TokenKind::LeftBrace | TokenKind::Semicolon | TokenKind::Ident)
                    && !self.is_type(token)
                    && P4_14_WORDS.contains(&self.text(token))
            }
            // `header T name;`, `parser start {`, `control ingress {`, `table t { reads {`
            TokenKind::Header => second == TokenKind::Ident && third == TokenKind::Ident,
            TokenKind::Parser | TokenKind::Control => second.is_name() && third == TokenKind::LeftBrace,
            TokenKind::Table => {
                let inside = self.token_at(self.at + 3);
                second.is_name()
                    && third == TokenKind::LeftBrace
                    && (self.is_word(inside, "reads")
                        || inside.kind == TokenKind::Actions && self.kind_ahead(4) == TokenKind::LeftBrace)
            }
            _ => false,
        }
    }

    /// `constantDeclaration`
    pub(super) fn constant(&mut self) -> Parsed<DeclKind> {
        self.expect(TokenKind::Const)?;
        let ty = self.type_ref()?;
        let (ty, name) = self.declarator(ty, Binding::Value)?;
        self.expect(TokenKind::Assign)?;
        let value = self.expression()?;
        self.expect_semicolon()?;
        Ok(DeclKind::Const(ConstDecl { ty, name, value }))
    }

    /// What begins with a type: instance, variable or function.
    pub(super) fn declaration_after_type(&mut self, place: Place) -> Parsed<DeclKind> {
        let start_at = self.at;
        let ty = self.type_ref()?;
        match self.kind() {
            TokenKind::LeftParen => return self.instantiation(ty),
            kind if kind.is_name() => {}
            _ => return Err(self.no_declaration(&ty, start_at, place)),
        }
        let is_function = matches!(self.kind_ahead(1), TokenKind::LeftParen | TokenKind::Less);
        match is_function && place != Place::Block {
            true => self.function(ty, place),
            false => self.variable_declaration(ty, place),
        }
    }

    /// Behind a type at `start_at` is nothing that would make it a declaration.
    fn no_declaration(&mut self, ty: &TypeRef, start_at: usize, place: Place) -> Reported {
        let diagnostic = match self.kind() {
            TokenKind::Assign | TokenKind::Dot | TokenKind::LeftBracket if place == Place::Local => {
                Diagnostic::error(MISPLACED, ty.span, "expected a declaration, found a statement")
                    .note("statements belong into `apply` of a control, or into an action or a state")
            }
            _ if place == Place::TopLevel
                && self.at == start_at + 1
                && self.token_at(start_at).kind == TokenKind::Ident =>
            {
                // Nothing but a name: it need not be the type that the grammar takes it for.
                self.at = start_at;
                let diagnostic = self.mismatch(EXPECTED_DECLARATION, "a declaration");
                self.at = start_at + 1;
                diagnostic
            }
            _ => self.mismatch(UNEXPECTED_TOKEN, "a name"),
        };
        self.report(diagnostic)
    }

    /// `variableDeclaration`, the type taken.
    fn variable_declaration(&mut self, ty: TypeRef, place: Place) -> Parsed<DeclKind> {
        let variable = self.variable(ty)?;
        if matches!(place, Place::TopLevel | Place::Initializer) {
            let message = match place {
                Place::TopLevel => "a variable at the top level",
                _ => "a variable in the braces of an instance",
            };
            let diagnostic = Diagnostic::error(MISPLACED, variable.name.span, message)
                .help("packets share no variables; declare a `const`, or an extern such as a register");
            self.diags.emit(diagnostic);
        }
        self.expect_semicolon()?;
        Ok(DeclKind::Variable(variable))
    }

    /// `variableDeclarationWithoutSemicolon`, the type taken.
    pub(super) fn variable(&mut self, ty: TypeRef) -> Parsed<VariableDecl> {
        let (ty, name) = self.declarator(ty, Binding::Value)?;
        let init = match self.eat(TokenKind::Assign) {
            Some(_) => Some(self.expression()?),
            None => None,
        };
        Ok(VariableDecl { ty, name, init })
    }

    /// `instantiation`, the type taken.
    fn instantiation(&mut self, ty: TypeRef) -> Parsed<DeclKind> {
        let mut instance = Box::new(self.instance(ty)?);
        if self.eat(TokenKind::Assign).is_some() {
            let mut decls = Vec::new();
            self.obj_initializer(&mut decls)?;
            instance.initializer = Some(decls);
        }
        self.expect_semicolon()?;
        Ok(DeclKind::Instantiation(*instance))
    }

    /// An instance up to its name.
    fn instance(&mut self, ty: TypeRef) -> Parsed<Instantiation> {
        let args = self.arguments(&mut 0)?;
        if !self.kind().is_name() {
            return Err(self.unexpected("the name of the instance"));
        }
        let (ty, name) = self.declarator(ty, Binding::Value)?;
        Ok(Instantiation { ty, args, name, initializer: None })
    }

    /// `objInitializer`
    fn obj_initializer(&mut self, decls: &mut Vec<Decl>) -> Parsed<()> {
        let open = self.expect(TokenKind::LeftBrace)?;
        self.scopes.open();
        self.nested(|parser| parser.braced(open, |parser| parser.object_declaration(decls).map(Some)))?;
        self.scopes.close();
        Ok(())
    }

    /// `objDeclaration`
    fn object_declaration(&mut self, decls: &mut Vec<Decl>) -> Parsed<()> {
        if self.eat(TokenKind::Semicolon).is_some() {
            return Ok(());
        }
        let start = self.here();
        let annotations = self.annotations()?;
        let kind = self.declaration_after_type(Place::Initializer)?;
        decls.push(Decl { annotations, kind, span: self.span_from(start) });
        Ok(())
    }

    /// `functionDeclaration`, the return type taken.
    fn function(&mut self, ret: TypeRef, place: Place) -> Parsed<DeclKind> {
        let name_span = self.here();
        let signature = self.signature(ret)?;
        if place == Place::Local {
            let diagnostic = Diagnostic::error(MISPLACED, name_span, "a function inside a parser or control")
                .help("move it to the top level, or make it an action");
            self.diags.emit(diagnostic);
        }
        let body = self.block(Vec::new());
        self.scopes.close();
        Ok(DeclKind::Function(FunctionDecl { signature, body: body? }))
    }

    /// `functionPrototype`, the return type taken. Leaves a scope open, with the parameters in it.
    fn signature(&mut self, ret: TypeRef) -> Parsed<FunctionSignature> {
        let name = self.declared_name(Binding::Value)?;
        self.scopes.open();
        let type_params = self.type_params()?;
        let params = self.params()?;
        Ok(FunctionSignature { ret, name, type_params, params })
    }

    /// `"(" parameterList ")"`
    pub(super) fn params(&mut self) -> Parsed<Vec<Param>> {
        let open = self.expect(TokenKind::LeftParen)?;
        let mut params = Vec::new();
        while !self.is_at(TokenKind::RightParen) {
            params.push(self.param()?);
            if self.eat(TokenKind::Comma).is_none() {
                break;
            }
            if self.is_at(TokenKind::RightParen) {
                return Err(self.unexpected("a parameter"));
            }
        }
        self.expect_list_end(TokenKind::RightParen, open)?;
        Ok(params)
    }

    /// `parameter`
    fn param(&mut self) -> Parsed<Param> {
        let start = self.here();
        let annotations = self.annotations()?;
        let direction = match self.kind() {
            TokenKind::In => Direction::In,
            TokenKind::Out => Direction::Out,
            TokenKind::InOut => Direction::InOut,
            _ => Direction::None,
        };
        if direction != Direction::None {
            self.bump();
        }
        let ty = self.type_ref()?;
        let (ty, name) = self.declarator(ty, Binding::Value)?;
        let default = match self.eat(TokenKind::Assign) {
            Some(_) => Some(self.expression()?),
            None => None,
        };
        Ok(Param { annotations, direction, ty, name, default, span: self.span_from(start) })
    }

    /// `optConstructorParameters`
    pub(super) fn constructor_params(&mut self) -> Parsed<Vec<Param>> {
        match self.is_at(TokenKind::LeftParen) {
            true => self.params(),
            false => Ok(Vec::new()),
        }
    }

    /// `actionDeclaration`
    pub(super) fn action(&mut self) -> Parsed<DeclKind> {
        self.expect(TokenKind::Action)?;
        let name = self.declared_name(Binding::Value)?;
        self.scopes.open();
        let params = self.params()?;
        let body = self.block_in(Vec::new(), Context::Action)?;
        self.scopes.close();
        Ok(DeclKind::Action(ActionDecl { name, params, body }))
    }

    /// `externDeclaration`. Nothing if it only announces a name.
    fn extern_declaration(&mut self) -> Parsed<Option<DeclKind>> {
        self.expect(TokenKind::Extern)?;
        if self.kind().is_name() && self.kind_ahead(1) == TokenKind::Semicolon {
            self.declared_name(Binding::Type)?;
            self.bump();
            return Ok(None);
        }
        if self.extern_object_ahead() {
            return self.extern_object().map(Some);
        }
        let ret = self.type_ref()?;
        if !self.kind().is_name() {
            return Err(self.unexpected("the name of a function, or `{` and the methods of the extern"));
        }
        let signature = self.signature(ret)?;
        self.scopes.close();
        self.expect_semicolon()?;
        Ok(Some(DeclKind::ExternFunction(signature)))
    }

    /// Whether a name, perhaps with type parameters, and a brace come next.
    fn extern_object_ahead(&self) -> bool {
        if !self.kind().is_name() {
            return false;
        }
        let behind = match self.kind_ahead(1) {
            TokenKind::LeftBrace => return true,
            TokenKind::Less => self.type_args_end(self.at + 1, true),
            _ => None,
        };
        behind.is_some_and(|behind| self.token_at(behind).kind == TokenKind::LeftBrace)
    }

    fn extern_object(&mut self) -> Parsed<DeclKind> {
        let name = self.declared_name(Binding::Type)?;
        self.scopes.open();
        let type_params = self.type_params()?;
        let open = self.expect(TokenKind::LeftBrace)?;
        let mut constructors = Vec::new();
        let mut methods = Vec::new();
        self.braced(open, |parser| {
            if parser.eat(TokenKind::Semicolon).is_some() {
                return Ok(None::<()>);
            }
            parser.method(&mut constructors, &mut methods)?;
            Ok(None)
        })?;
        self.scopes.close();
        Ok(DeclKind::Extern(ExternDecl { name, type_params, constructors, methods }))
    }

    /// `methodPrototype`
    fn method(
        &mut self,
        constructors: &mut Vec<ConstructorDecl>,
        methods: &mut Vec<MethodDecl>,
    ) -> Parsed<()> {
        let annotations = self.annotations()?;
        let is_abstract = self.eat(TokenKind::Abstract).is_some();
        if self.kind().is_name() && self.kind_ahead(1) == TokenKind::LeftParen {
            let name = self.name()?;
            self.scopes.open();
            let params = self.params()?;
            self.scopes.close();
            self.expect_semicolon()?;
            constructors.push(ConstructorDecl { annotations, name, params });
            return Ok(());
        }
        let ret = self.type_ref()?;
        if !self.kind().is_name() {
            return Err(self.unexpected("the name of a method"));
        }
        let signature = self.signature(ret)?;
        self.scopes.close();
        self.expect_semicolon()?;
        methods.push(MethodDecl { annotations, is_abstract, signature });
        Ok(())
    }

    /// `packageTypeDeclaration ";"`
    fn package(&mut self) -> Parsed<DeclKind> {
        self.expect(TokenKind::Package)?;
        let signature = self.block_type()?;
        self.scopes.close();
        self.expect_semicolon()?;
        Ok(DeclKind::Package(signature))
    }

    /// Name, type parameters and parameters. Leaves a scope open, with the parameters in it.
    pub(super) fn block_type(&mut self) -> Parsed<BlockTypeDecl> {
        let name = self.declared_name(Binding::Type)?;
        self.scopes.open();
        let type_params = self.type_params()?;
        let params = self.params()?;
        Ok(BlockTypeDecl { name, type_params, params })
    }

    /// `headerTypeDeclaration`, `headerUnionDeclaration`, `structTypeDeclaration`
    fn composite(&mut self) -> Parsed<DeclKind> {
        let kind = match self.bump().kind {
            TokenKind::Header => CompositeKind::Header,
            TokenKind::HeaderUnion => CompositeKind::HeaderUnion,
            _ => CompositeKind::Struct,
        };
        let name = self.declared_name(Binding::Type)?;
        self.scopes.open();
        let type_params = self.type_params()?;
        let open = self.expect(TokenKind::LeftBrace)?;
        let fields = self.braced(open, Self::field)?;
        self.scopes.close();
        Ok(DeclKind::Composite(CompositeDecl { kind, name, type_params, fields }))
    }

    /// `structField`
    fn field(&mut self) -> Parsed<Option<Field>> {
        let annotations = self.annotations()?;
        let ty = self.type_ref()?;
        // Fields live in the name space of their type, where they hide nothing.
        self.scopes.open();
        let (ty, name) = self.declarator(ty, Binding::Value)?;
        self.scopes.close();
        self.expect_semicolon_not_comma("fields")?;
        Ok(Some(Field { annotations, ty, name }))
    }

    /// `enumDeclaration`
    fn enumeration(&mut self) -> Parsed<DeclKind> {
        self.expect(TokenKind::Enum)?;
        let is_plain = self.kind().is_name() && self.kind_ahead(1) == TokenKind::LeftBrace;
        let underlying = match is_plain {
            true => None,
            false => Some(self.type_ref()?),
        };
        let name = self.declared_name(Binding::Type)?;
        let open = self.expect(TokenKind::LeftBrace)?;
        let members = self.listed(open, |parser| {
            let name = parser.name()?;
            let value = match parser.eat(TokenKind::Assign) {
                Some(_) => Some(parser.expression()?),
                None => None,
            };
            Ok((name, value))
        })?;
        Ok(DeclKind::Enum(EnumDecl { underlying, name, members }))
    }

    /// `"{" identifierList optTrailingComma "}"`
    fn identifier_list(&mut self) -> Parsed<Vec<Ident>> {
        let open = self.expect(TokenKind::LeftBrace)?;
        self.listed(open, Self::name)
    }

    /// Elements separated by commas, perhaps one at the end, up to the `}` that closes `open`. After one that
    /// failed, the others are skipped.
    fn listed<T>(&mut self, open: Token, mut element: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut elements = Vec::new();
        let mut failed = false;
        while !self.is_at(TokenKind::RightBrace) && !failed {
            match element(self) {
                Ok(element) => elements.push(element),
                Err(_) => failed = true,
            }
            if self.eat(TokenKind::Comma).is_none() {
                break;
            }
        }
        if self.eat(TokenKind::RightBrace).is_some() {
            return Ok(elements);
        }
        let reported = self.unclosed_list(TokenKind::RightBrace, open);
        while !matches!(
            self.kind(),
            TokenKind::RightBrace | TokenKind::LeftBrace | TokenKind::Semicolon | TokenKind::Eof
        ) {
            self.bump();
        }
        match self.eat(TokenKind::RightBrace) {
            Some(_) => Ok(elements),
            None => Err(reported),
        }
    }

    /// `typedefDeclaration ";"`
    fn typedef(&mut self) -> Parsed<DeclKind> {
        let is_typedef = self.bump().kind == TokenKind::Typedef;
        let start = self.here();
        let derived = match self.kind() {
            TokenKind::Header
            | TokenKind::HeaderUnion
            | TokenKind::Struct
            | TokenKind::Enum
            | TokenKind::At
                if is_typedef =>
            {
                Some(self.derived_type(start)?)
            }
            _ => None,
        };
        let (target, name) = match derived {
            Some(decl) => (TypedefTarget::Decl(Box::new(decl)), self.declared_name(Binding::Type)?),
            None => {
                let ty = self.type_ref()?;
                let (ty, name) = self.declarator(ty, Binding::Type)?;
                (TypedefTarget::Type(ty), name)
            }
        };
        self.expect_semicolon()?;
        let decl = TypedefDecl { target, name };
        Ok(if is_typedef { DeclKind::Typedef(decl) } else { DeclKind::NewType(decl) })
    }

    /// `derivedTypeDeclaration`
    fn derived_type(&mut self, start: Span) -> Parsed<Decl> {
        let annotations = self.annotations()?;
        let kind = match self.kind() {
            TokenKind::Enum => self.enumeration()?,
            TokenKind::Header | TokenKind::HeaderUnion | TokenKind::Struct => self.composite()?,
            _ => return Err(self.unexpected("`header`, `header_union`, `struct` or `enum`")),
        };
        Ok(Decl { annotations, kind, span: self.span_from(start) })
    }
}
