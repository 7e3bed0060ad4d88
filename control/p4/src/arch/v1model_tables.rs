//! The table properties of v1model.

use heddle_ir::Stmt;

use super::TableProperty;
use super::v1model_externs::max_group_size;
use crate::hir::Property;
use crate::lower::{
    CValue, ExternObject, InstKind, Lower, Lowerer, Properties, annotation, annotation_string, codes,
};

/// Table properties.
pub(super) static PROPERTIES: &[TableProperty] = &[
    TableProperty { name: "implementation", apply: implementation },
    TableProperty { name: "counters", apply: counters },
    TableProperty { name: "meters", apply: meters },
    TableProperty { name: "support_timeout", apply: support_timeout },
];

/// The extern object that a table's property names.
fn property_object(l: &mut Lowerer<'_>, property: &Property) -> Lower<ExternObject> {
    if let CValue::Instance(inst) = l.constant(&property.value)?
        && let InstKind::Extern(_, _, object) = l.insts[inst].kind
    {
        // One that is constructed in place has the name and annotations of the property.
        if l.hir.instances[l.insts[inst].hir].is_anonymous {
            l.property_decls.insert(inst, property.decl.clone());
            if let ExternObject::Profile(profile) = object {
                let given = annotation(&property.decl.annotations, "name").and_then(annotation_string);
                if let Some(name) = given {
                    let name = name.trim_start_matches('.').to_owned();
                    l.ir.profiles[profile].control.name.clone_from(&name);
                    l.insts[inst].name = name;
                }
                if let Some(selector) = &mut l.ir.profiles[profile].selector {
                    selector.max_group_size = max_group_size(&property.decl);
                }
            }
        }
        return Ok(object);
    }
    let message = format!("`{}` has to name an extern object", property.decl.name);
    l.error(codes::INVALID_PROPERTY, property.value.span, message)
}

fn implementation(l: &mut Lowerer<'_>, property: &Property, to: &mut Properties) -> Lower<()> {
    match property_object(l, property)? {
        ExternObject::Profile(profile) => to.profile = Some(profile),
        ExternObject::Stateless
        | ExternObject::Counter(_)
        | ExternObject::DirectCounter(_)
        | ExternObject::Meter(_)
        | ExternObject::DirectMeter(..)
        | ExternObject::Register(_) => {
            let message = "the implementation of a table is an action profile or an action selector";
            return l.error(codes::INVALID_PROPERTY, property.value.span, message);
        }
    }
    Ok(())
}

/// `v1model.p4`: the entry that matched is counted, whether its action says so or not.
fn counters(l: &mut Lowerer<'_>, property: &Property, to: &mut Properties) -> Lower<()> {
    match property_object(l, property)? {
        ExternObject::DirectCounter(counter) if l.ir.counters[counter].table.is_none() => {
            to.direct_counter = Some(counter);
            to.before_action.push(Stmt::Count { counter, index: None });
            Ok(())
        }
        ExternObject::DirectCounter(_) => {
            l.error(codes::INVALID_PROPERTY, property.value.span, "this counter counts another table already")
        }
        ExternObject::Stateless
        | ExternObject::Counter(_)
        | ExternObject::Meter(_)
        | ExternObject::DirectMeter(..)
        | ExternObject::Register(_)
        | ExternObject::Profile(_) => l.error(
            codes::INVALID_PROPERTY,
            property.value.span,
            "the counters of a table are a direct counter",
        ),
    }
}

/// `v1model.p4`: the entry that matched is metered, whether its action reads the meter or not.
fn meters(l: &mut Lowerer<'_>, property: &Property, to: &mut Properties) -> Lower<()> {
    match property_object(l, property)? {
        ExternObject::DirectMeter(meter, color) if l.ir.meters[meter].table.is_none() => {
            to.direct_meter = Some(meter);
            to.before_action.push(Stmt::Meter { meter, index: None, color });
            Ok(())
        }
        ExternObject::DirectMeter(..) => {
            l.error(codes::INVALID_PROPERTY, property.value.span, "this meter meters another table already")
        }
        ExternObject::Stateless
        | ExternObject::Counter(_)
        | ExternObject::DirectCounter(_)
        | ExternObject::Meter(_)
        | ExternObject::Register(_)
        | ExternObject::Profile(_) => {
            l.error(codes::INVALID_PROPERTY, property.value.span, "the meters of a table are a direct meter")
        }
    }
}

fn support_timeout(l: &mut Lowerer<'_>, property: &Property, to: &mut Properties) -> Lower<()> {
    match l.constant(&property.value)? {
        CValue::Bool(on) => {
            to.idle_timeout = on;
            Ok(())
        }
        _ => l.error(codes::INVALID_PROPERTY, property.value.span, "`support_timeout` is true or false"),
    }
}
