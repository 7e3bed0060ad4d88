//! Values of P4 types as `P4Data` (section 8.4): what registers hold and digests carry.
//!
//! The program keeps a value as one string of bits, the first member of a struct first. Headers say besides whether
//! they are valid; in what the program keeps they always are.

use heddle_ir::Bits;
use heddle_p4rt_proto::config::p4_bitstring_like_type_spec::TypeSpec as Bitstring;
use heddle_p4rt_proto::config::p4_data_type_spec::TypeSpec;
use heddle_p4rt_proto::config::p4_new_type_spec::Representation;
use heddle_p4rt_proto::config::{P4BitstringLikeTypeSpec, P4DataTypeSpec, P4NamedType, P4TypeInfo};
use heddle_p4rt_proto::v1::p4_data::Data;
use heddle_p4rt_proto::v1::{P4Data, P4Header, P4HeaderStack, P4StructLike};

use crate::bytestring;
use crate::status::Refusal;
use crate::translation::{Coding, Translations};

/// Types nest no deeper than this; more is a P4Info that nobody's compiler made.
const DEPTH_MAX: u32 = 32;

/// What a value is made of, by the names of types.
enum Shape<'a> {
    Bits {
        width: u32,
        signed: bool,
    },
    Bool,
    /// A value that controllers call otherwise; its width in the program is not in the P4Info.
    Translated(Coding),
    /// A member of an `error`.
    Error(&'a [String]),
    /// A member of an `enum` without values.
    Enum(Vec<&'a str>),
    /// An enum with values: its width.
    Serializable(u32),
    Struct(Vec<&'a P4DataTypeSpec>),
    Header(Vec<&'a P4BitstringLikeTypeSpec>),
    Stack(&'a P4NamedType, u32),
}

fn unknown(name: &str) -> Refusal {
    Refusal::invalid(format!("the P4Info does not describe the type `{name}`"))
}

fn unsigned(width: i32) -> u32 {
    u32::try_from(width).unwrap_or(0)
}

fn unfit(what: &str) -> Refusal {
    Refusal::unimplemented(format!("{what} cannot be kept in registers or sent in digests"))
}

fn bitstring(spec: &P4BitstringLikeTypeSpec) -> Result<Shape<'static>, Refusal> {
    match &spec.type_spec {
        Some(Bitstring::Bit(bit)) => Ok(Shape::Bits { width: unsigned(bit.bitwidth), signed: false }),
        Some(Bitstring::Int(int)) => Ok(Shape::Bits { width: unsigned(int.bitwidth), signed: true }),
        Some(Bitstring::Varbit(_)) => Err(unfit("a varbit")),
        None => Err(Refusal::invalid("the P4Info leaves a type open")),
    }
}

fn shape<'a>(
    translations: &Translations,
    types: &'a P4TypeInfo,
    ty: &'a P4DataTypeSpec,
    depth: u32,
) -> Result<Shape<'a>, Refusal> {
    if depth > DEPTH_MAX {
        return Err(Refusal::invalid("the P4Info has a type that contains itself"));
    }
    match &ty.type_spec {
        Some(TypeSpec::Bitstring(spec)) => bitstring(spec),
        Some(TypeSpec::Bool(_)) => Ok(Shape::Bool),
        Some(TypeSpec::Tuple(tuple)) => Ok(Shape::Struct(tuple.members.iter().collect())),
        Some(TypeSpec::Struct(named)) => {
            let spec = types.structs.get(&named.name).ok_or_else(|| unknown(&named.name))?;
            Ok(Shape::Struct(spec.members.iter().filter_map(|member| member.type_spec.as_ref()).collect()))
        }
        Some(TypeSpec::Header(named)) => header(types, named),
        Some(TypeSpec::HeaderStack(stack)) => {
            let named = stack.header.as_ref().ok_or_else(|| unknown(""))?;
            Ok(Shape::Stack(named, unsigned(stack.size)))
        }
        Some(TypeSpec::HeaderUnion(_) | TypeSpec::HeaderUnionStack(_)) => Err(unfit("a header union")),
        Some(TypeSpec::Enum(named)) => {
            let spec = types.enums.get(&named.name).ok_or_else(|| unknown(&named.name))?;
            Ok(Shape::Enum(spec.members.iter().map(|member| member.name.as_str()).collect()))
        }
        Some(TypeSpec::Error(_)) => {
            Ok(Shape::Error(types.error.as_ref().map(|error| error.members.as_slice()).unwrap_or_default()))
        }
        Some(TypeSpec::SerializableEnum(named)) => {
            let spec = types.serializable_enums.get(&named.name).ok_or_else(|| unknown(&named.name))?;
            Ok(Shape::Serializable(spec.underlying_type.map_or(0, |bit| unsigned(bit.bitwidth))))
        }
        Some(TypeSpec::NewType(named)) => {
            let spec = types.new_types.get(&named.name).ok_or_else(|| unknown(&named.name))?;
            match &spec.representation {
                Some(Representation::OriginalType(original)) => {
                    shape(translations, types, original, depth + 1)
                }
                Some(Representation::TranslatedType(_)) => {
                    Ok(Shape::Translated(translations.coding(Some(&named.name))))
                }
                None => Err(unknown(&named.name)),
            }
        }
        None => Err(Refusal::invalid("the P4Info leaves a type open")),
    }
}

fn header<'a>(types: &'a P4TypeInfo, named: &P4NamedType) -> Result<Shape<'a>, Refusal> {
    let spec = types.headers.get(&named.name).ok_or_else(|| unknown(&named.name))?;
    Ok(Shape::Header(spec.members.iter().filter_map(|member| member.type_spec.as_ref()).collect()))
}

fn mismatch(wanted: &str) -> Refusal {
    Refusal::invalid(format!("the data are not of the P4Info's type: {wanted} is wanted"))
}

fn count(wanted: usize, given: usize) -> Result<(), Refusal> {
    match wanted == given {
        true => Ok(()),
        false => Err(Refusal::invalid(format!("the type has {wanted} members, and {given} are given"))),
    }
}

/// Members without values are numbered in so many bits.
const NAMED_WIDTH: u32 = 32;

/// Bits of all that is not translated, and how often something is.
fn known_width(
    translations: &Translations,
    types: &P4TypeInfo,
    ty: &P4DataTypeSpec,
) -> Result<(u32, u32), Refusal> {
    let of_header = |members: &[&P4BitstringLikeTypeSpec]| {
        members.iter().try_fold(0, |all, spec| match bitstring(spec)? {
            Shape::Bits { width, .. } => Ok(all + width),
            _ => Err(mismatch("a number")),
        })
    };
    Ok(match shape(translations, types, ty, 0)? {
        Shape::Bits { width, .. } | Shape::Serializable(width) => (width, 0),
        Shape::Bool => (1, 0),
        Shape::Error(_) | Shape::Enum(_) => (NAMED_WIDTH, 0),
        Shape::Translated(_) => (0, 1),
        Shape::Struct(members) => members.into_iter().try_fold((0, 0), |(width, count), ty| {
            let (more, again) = known_width(translations, types, ty)?;
            Ok::<_, Refusal>((width + more, count + again))
        })?,
        Shape::Header(members) => (of_header(&members)?, 0),
        Shape::Stack(named, size) => match header(types, named)? {
            Shape::Header(members) => (of_header(&members)? * size, 0),
            _ => return Err(unknown(&named.name)),
        },
    })
}

/// Bits of the translated member of a cell, which the P4Info does not say: what the others leave.
fn translated_width(
    translations: &Translations,
    types: &P4TypeInfo,
    ty: &P4DataTypeSpec,
    width: u32,
) -> Result<u32, Refusal> {
    match known_width(translations, types, ty)? {
        (_, 0) => Ok(0),
        (known, 1) => width.checked_sub(known).ok_or_else(|| unfit("a translated value of no bits")),
        (_, _) => Err(unfit("a struct with more than one translated member")),
    }
}

/// Bits of a cell that a controller gives.
///
/// # Errors
/// `INVALID_ARGUMENT` for another type, `OUT_OF_RANGE` for a member that does not fit.
pub(super) fn bits_of_data(
    translations: &mut Translations,
    types: &P4TypeInfo,
    ty: &P4DataTypeSpec,
    data: &P4Data,
    width: u32,
) -> Result<Bits, Refusal> {
    let translated = translated_width(translations, types, ty, width)?;
    bits_of(translations, types, ty, data, translated)
}

fn bits_of(
    translations: &mut Translations,
    types: &P4TypeInfo,
    ty: &P4DataTypeSpec,
    data: &P4Data,
    translated: u32,
) -> Result<Bits, Refusal> {
    let given = data.data.as_ref().ok_or_else(|| mismatch("a value"))?;
    match (shape(translations, types, ty, 0)?, given) {
        (
            Shape::Bits { width, signed: false } | Shape::Serializable(width),
            Data::Bitstring(bytes) | Data::EnumValue(bytes),
        ) => bytestring::decode(width, bytes),
        (Shape::Bits { width, signed: true }, Data::Bitstring(bytes)) => {
            bytestring::decode_signed(width, bytes)
        }
        (Shape::Bool, Data::Bool(value)) => Ok(Bits::bool(*value)),
        (Shape::Translated(coding), Data::Bitstring(bytes)) => translations.decode(coding, translated, bytes),
        (Shape::Error(names), Data::Error(name)) => {
            let position = names.iter().position(|known| known == name);
            let position = position.ok_or_else(|| mismatch(&format!("one of {}", names.join(", "))))?;
            Ok(Bits::new(NAMED_WIDTH, position as u128))
        }
        (Shape::Enum(names), Data::Enum(name)) => {
            let position = names.iter().position(|known| known == name);
            let position = position.ok_or_else(|| mismatch(&format!("one of {}", names.join(", "))))?;
            Ok(Bits::new(NAMED_WIDTH, position as u128))
        }
        (
            Shape::Struct(members),
            Data::Struct(P4StructLike { members: given }) | Data::Tuple(P4StructLike { members: given }),
        ) => {
            count(members.len(), given.len())?;
            members.iter().zip(given).try_fold(Bits::zero(0), |all, (ty, given)| {
                Ok(all.concat(&bits_of(translations, types, ty, given, translated)?))
            })
        }
        (Shape::Header(members), Data::Header(P4Header { is_valid: true, bitstrings })) => {
            count(members.len(), bitstrings.len())?;
            members.iter().zip(bitstrings).try_fold(Bits::zero(0), |all, (spec, bytes)| {
                let Shape::Bits { width, signed } = bitstring(spec)? else {
                    return Err(mismatch("a number"));
                };
                let value = if signed {
                    bytestring::decode_signed(width, bytes)
                } else {
                    bytestring::decode(width, bytes)
                };
                Ok(all.concat(&value?))
            })
        }
        (Shape::Header(_), Data::Header(_)) => Err(mismatch("a valid header")),
        (Shape::Stack(named, size), Data::HeaderStack(P4HeaderStack { entries })) => {
            count(size as usize, entries.len())?;
            let ty = P4DataTypeSpec { type_spec: Some(TypeSpec::Header(named.clone())) };
            entries.iter().try_fold(Bits::zero(0), |all, entry| {
                let data = P4Data { data: Some(Data::Header(entry.clone())) };
                Ok(all.concat(&bits_of(translations, types, &ty, &data, translated)?))
            })
        }
        (Shape::Bits { .. } | Shape::Serializable(_) | Shape::Translated(_), _) => {
            Err(mismatch("a bit string"))
        }
        (Shape::Bool, _) => Err(mismatch("a bool")),
        (Shape::Error(_) | Shape::Enum(_), _) => Err(mismatch("the name of a member")),
        (Shape::Struct(_), _) => Err(mismatch("a struct or tuple")),
        (Shape::Header(_), _) => Err(mismatch("a header")),
        (Shape::Stack(..), _) => Err(mismatch("a header stack")),
    }
}

/// Takes the highest bits off a value.
fn take(rest: &mut Bits, width: u32) -> Result<Bits, Refusal> {
    let Some(left) = rest.width().checked_sub(width) else {
        return Err(Refusal::new(
            heddle_p4rt_proto::rpc::Code::Internal,
            "the program's value is shorter than the P4Info's type",
        ));
    };
    let taken = if width == 0 { Bits::zero(0) } else { rest.slice(rest.width() - 1, left) };
    *rest = if left == 0 { Bits::zero(0) } else { rest.slice(left - 1, 0) };
    Ok(taken)
}

/// A value of the program as controllers read it.
pub(super) fn data_of_bits(
    translations: &Translations,
    types: &P4TypeInfo,
    ty: &P4DataTypeSpec,
    value: &Bits,
) -> Result<P4Data, Refusal> {
    let translated = translated_width(translations, types, ty, value.width())?;
    let mut rest = value.clone();
    data_of(translations, types, ty, &mut |width| take(&mut rest, width.unwrap_or(translated)))
}

/// What a digest carries, member by member as the program made them.
pub(crate) fn digest_data(
    translations: &Translations,
    types: &P4TypeInfo,
    ty: &P4DataTypeSpec,
    values: &[Bits],
) -> Result<P4Data, Refusal> {
    let mut values = values.iter();
    data_of(translations, types, ty, &mut |width| {
        let value = values.next().cloned().unwrap_or_else(|| Bits::zero(0));
        Ok(width.map_or(value.clone(), |width| value.resize(width, false)))
    })
}

/// Builds a value out of its members, which `next` gives by their width; none: whatever it has.
fn data_of(
    translations: &Translations,
    types: &P4TypeInfo,
    ty: &P4DataTypeSpec,
    next: &mut dyn FnMut(Option<u32>) -> Result<Bits, Refusal>,
) -> Result<P4Data, Refusal> {
    let data = match shape(translations, types, ty, 0)? {
        Shape::Bits { width, signed: false } => Data::Bitstring(bytestring::encode(&next(Some(width))?)),
        Shape::Bits { width, signed: true } => {
            Data::Bitstring(bytestring::encode_signed(&next(Some(width))?))
        }
        Shape::Serializable(width) => Data::EnumValue(bytestring::encode(&next(Some(width))?)),
        Shape::Bool => Data::Bool(!next(Some(1))?.is_zero()),
        Shape::Translated(coding) => Data::Bitstring(translations.encode(coding, &next(None)?)),
        Shape::Error(names) => {
            let number = next(Some(NAMED_WIDTH))?.low_u64() as usize;
            Data::Error(names.get(number).cloned().unwrap_or_default())
        }
        Shape::Enum(names) => {
            let number = next(Some(NAMED_WIDTH))?.low_u64() as usize;
            Data::Enum(names.get(number).map(|name| (*name).to_owned()).unwrap_or_default())
        }
        Shape::Struct(members) => {
            let members = members.into_iter().map(|ty| data_of(translations, types, ty, next));
            let members = P4StructLike { members: members.collect::<Result<_, _>>()? };
            match ty.type_spec {
                Some(TypeSpec::Tuple(_)) => Data::Tuple(members),
                Some(_) | None => Data::Struct(members),
            }
        }
        Shape::Header(members) => Data::Header(header_of(&members, next)?),
        Shape::Stack(named, size) => {
            let Shape::Header(members) = header(types, named)? else { return Err(unknown(&named.name)) };
            let entries = (0..size).map(|_| header_of(&members, next));
            Data::HeaderStack(P4HeaderStack { entries: entries.collect::<Result<_, _>>()? })
        }
    };
    Ok(P4Data { data: Some(data) })
}

fn header_of(
    members: &[&P4BitstringLikeTypeSpec],
    next: &mut dyn FnMut(Option<u32>) -> Result<Bits, Refusal>,
) -> Result<P4Header, Refusal> {
    let bitstrings = members.iter().map(|spec| {
        let Shape::Bits { width, signed } = bitstring(spec)? else { return Err(mismatch("a number")) };
        let value = next(Some(width))?;
        Ok(if signed { bytestring::encode_signed(&value) } else { bytestring::encode(&value) })
    });
    Ok(P4Header { is_valid: true, bitstrings: bitstrings.collect::<Result<_, Refusal>>()? })
}
