//! What can be written to (section on l-values).

use super::Checker;
use super::codes::*;
use crate::diag::{Code, Diagnostic};
use crate::hir::{Direction, Expr, ExprKind, Ty, VariableKind};

impl Checker<'_> {
    /// Reports an expression that cannot be written to. True if it can.
    pub(super) fn require_lvalue(&mut self, expr: &Expr, why: &str) -> bool {
        let mut at = expr;
        let (code, message): (Code, String) = loop {
            if at.ty == Ty::Unknown {
                return false;
            }
            match &at.kind {
                ExprKind::Variable(id) => {
                    let variable = &self.program.variables[*id];
                    let (name, declared) = (variable.decl.name.clone(), variable.decl.span);
                    let (what, help) = match variable.kind {
                        VariableKind::Local | VariableKind::Param(Direction::Out | Direction::InOut) => {
                            return true;
                        }
                        VariableKind::Param(Direction::In) => {
                            ("an `in` parameter", "declare it `inout`, or copy it to a variable")
                        }
                        VariableKind::Param(Direction::None) => {
                            ("a parameter without direction", "copy it to a variable")
                        }
                        VariableKind::ConstructorParam => {
                            ("a constructor parameter", "copy it to a variable")
                        }
                    };
                    self.emit(
                        Diagnostic::error(
                            READ_ONLY,
                            expr.span,
                            format!("{why}, but `{name}` is {what} and can only be read"),
                        )
                        .label(declared, "declared here")
                        .help(help),
                    );
                    return false;
                }
                ExprKind::Field(of, _)
                | ExprKind::Element(of, _)
                | ExprKind::Index(of, _)
                | ExprKind::StackNext(of) => at = of,
                ExprKind::StackLast(_) => {
                    break (NOT_AN_LVALUE, format!("{why}, and `last` can only be read"));
                }
                ExprKind::Slice { of, .. } | ExprKind::PlusSlice { of, .. } => at = of,
                ExprKind::Call(_) => {
                    break (NOT_AN_LVALUE, format!("{why}, and the result of a call is no storage"));
                }
                ExprKind::Cast(_) => {
                    break (NOT_AN_LVALUE, format!("{why}, and the result of a cast is no storage"));
                }
                ExprKind::Instance(_) => {
                    break (NOT_AN_LVALUE, format!("{why}, and an instance is no storage"));
                }
                _ => break (NOT_AN_LVALUE, format!("{why}, and this is a value, not storage")),
            }
        };
        self.emit(Diagnostic::error(code, expr.span, message).note(
            "variables, `out` and `inout` parameters, their fields, elements and slices can be written",
        ));
        false
    }
}
