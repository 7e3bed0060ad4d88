//! A `P4Info` as a tree of protobuf fields, which is then written as text, JSON or bytes.
//!
//! Invariant: fields stand in the order in which protobuf's own printer writes them, and what has its default value is
//! left out unless it is a member of a `oneof`.

use super::*;

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A message: its fields by name.
    Message(Vec<(String, Value)>),
    /// A string or bytes.
    Bytes(Vec<u8>),
    /// A number.
    Number(i64),
    /// A truth value.
    Flag(bool),
    /// A member of an enum.
    Symbol(&'static str),
}

/// A message being made.
#[derive(Default)]
struct Writer {
    fields: Vec<(String, Value)>,
}

impl Writer {
    fn field(&mut self, name: &str, value: Value) {
        self.fields.push((name.to_owned(), value));
    }

    fn symbol(&mut self, name: &str, value: &'static str) {
        self.field(name, Value::Symbol(value));
    }

    fn message(&mut self, name: &str, body: impl FnOnce(&mut Writer)) {
        let mut inner = Writer::default();
        body(&mut inner);
        self.field(name, Value::Message(inner.fields));
    }

    fn bytes(&mut self, name: &str, value: &[u8]) {
        self.field(name, Value::Bytes(value.to_owned()));
    }

    /// A string that is not empty.
    fn string(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.bytes(name, value.as_bytes());
        }
    }

    /// A number that is not zero.
    fn number(&mut self, name: &str, value: impl Into<i64>) {
        let value = value.into();
        if value != 0 {
            self.field(name, Value::Number(value));
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        if value {
            self.field(name, Value::Flag(true));
        }
    }

    fn doc(&mut self, doc: &Option<Documentation>) {
        if let Some(doc) = doc {
            self.message("doc", |w| {
                w.string("brief", &doc.brief);
                w.string("description", &doc.description);
            });
        }
    }

    fn strings(&mut self, name: &str, values: &[String]) {
        values.iter().for_each(|v| self.bytes(name, v.as_bytes()));
    }

    fn structured(&mut self, annotations: &[StructuredAnnotation]) {
        for annotation in annotations {
            self.message("structured_annotations", |w| {
                w.string("name", &annotation.name);
                match &annotation.body {
                    StructuredBody::Empty => {}
                    StructuredBody::Expressions(values) => w.message("expression_list", |w| {
                        for value in values {
                            w.message("expressions", |w| w.annotation_value(value));
                        }
                    }),
                    StructuredBody::Pairs(pairs) => w.message("kv_pair_list", |w| {
                        for (key, value) in pairs {
                            w.message("kv_pairs", |w| {
                                w.string("key", key);
                                w.message("value", |w| w.annotation_value(value));
                            });
                        }
                    }),
                }
            });
        }
    }

    fn annotation_value(&mut self, value: &AnnotationValue) {
        match value {
            AnnotationValue::StringValue(text) => self.bytes("string_value", text.as_bytes()),
            AnnotationValue::Int64Value(int) => self.field("int64_value", Value::Number(*int)),
            AnnotationValue::BoolValue(bool) => self.field("bool_value", Value::Flag(*bool)),
        }
    }

    fn preamble(&mut self, preamble: &Preamble) {
        self.message("preamble", |w| {
            w.number("id", preamble.id);
            w.string("name", &preamble.name);
            w.string("alias", &preamble.alias);
            w.strings("annotations", &preamble.annotations);
            w.doc(&preamble.doc);
            w.structured(&preamble.structured_annotations);
        });
    }

    fn type_name(&mut self, field: &str, name: &Option<String>) {
        if let Some(name) = name {
            self.message(field, |w| w.string("name", name));
        }
    }

    fn match_field(&mut self, name: &str, field: &MatchField) {
        self.message(name, |w| {
            w.number("id", field.id);
            w.string("name", &field.name);
            w.strings("annotations", &field.notes.annotations);
            w.number("bitwidth", field.bitwidth);
            match &field.match_type {
                MatchType::Exact => w.symbol("match_type", "EXACT"),
                MatchType::Lpm => w.symbol("match_type", "LPM"),
                MatchType::Ternary => w.symbol("match_type", "TERNARY"),
                MatchType::Range => w.symbol("match_type", "RANGE"),
                MatchType::Optional => w.symbol("match_type", "OPTIONAL"),
                MatchType::Other(_) => {}
            }
            w.doc(&field.notes.doc);
            if let MatchType::Other(kind) = &field.match_type {
                w.bytes("other_match_type", kind.as_bytes());
            }
            w.type_name("type_name", &field.type_name);
            w.structured(&field.notes.structured_annotations);
        });
    }

    fn param(&mut self, name: &str, param: &Param) {
        self.message(name, |w| {
            w.number("id", param.id);
            w.string("name", &param.name);
            w.strings("annotations", &param.notes.annotations);
            w.number("bitwidth", param.bitwidth);
            w.doc(&param.notes.doc);
            w.type_name("type_name", &param.type_name);
            w.structured(&param.notes.structured_annotations);
        });
    }

    fn table(&mut self, table: &Table) {
        self.preamble(&table.preamble);
        table.match_fields.iter().for_each(|f| self.match_field("match_fields", f));
        for action in &table.action_refs {
            self.message("action_refs", |w| {
                w.number("id", action.id);
                w.strings("annotations", &action.notes.annotations);
                match action.scope {
                    Scope::TableAndDefault => {}
                    Scope::TableOnly => w.symbol("scope", "TABLE_ONLY"),
                    Scope::DefaultOnly => w.symbol("scope", "DEFAULT_ONLY"),
                }
                w.structured(&action.notes.structured_annotations);
            });
        }
        self.number("const_default_action_id", table.const_default_action_id);
        if let Some(call) = &table.initial_default_action {
            self.message("initial_default_action", |w| {
                w.number("action_id", call.action_id);
                for (param, value) in &call.arguments {
                    w.message("arguments", |w| {
                        w.number("param_id", *param);
                        if !value.is_empty() {
                            w.bytes("value", value);
                        }
                    });
                }
            });
        }
        self.number("implementation_id", table.implementation_id);
        table.direct_resource_ids.iter().for_each(|id| self.number("direct_resource_ids", *id));
        self.number("size", table.size);
        if table.idle_timeout {
            self.symbol("idle_timeout_behavior", "NOTIFY_CONTROL");
        }
        self.flag("is_const_table", table.is_const_table);
        self.flag("has_initial_entries", table.has_initial_entries);
    }

    fn profile(&mut self, profile: &ActionProfile) {
        self.preamble(&profile.preamble);
        profile.table_ids.iter().for_each(|id| self.number("table_ids", *id));
        self.flag("with_selector", profile.with_selector);
        self.number("size", profile.size);
        self.number("max_group_size", profile.max_group_size);
        match profile.size_semantics {
            None => {}
            Some(SizeSemantics::SumOfWeights) => self.message("sum_of_weights", |_| {}),
            Some(SizeSemantics::SumOfMembers(weight)) => {
                self.message("sum_of_members", |w| w.number("max_member_weight", weight));
            }
        }
    }

    fn unit(&mut self, unit: Unit) {
        match unit {
            Unit::Bytes => self.symbol("unit", "BYTES"),
            Unit::Packets => self.symbol("unit", "PACKETS"),
            Unit::Both => self.symbol("unit", "BOTH"),
        }
    }

    fn meter_spec(&mut self, unit: Unit, meter_type: MeterType) {
        self.message("spec", |w| {
            w.unit(unit);
            match meter_type {
                // Zero is left out.
                MeterType::TwoRateThreeColor => {}
                MeterType::SingleRateThreeColor => w.symbol("type", "SINGLE_RATE_THREE_COLOR"),
                MeterType::SingleRateTwoColor => w.symbol("type", "SINGLE_RATE_TWO_COLOR"),
            }
        });
    }

    fn bitstring(&mut self, ty: &BitstringType) {
        let (name, field, width) = match ty {
            BitstringType::Bit(width) => ("bit", "bitwidth", width),
            BitstringType::Int(width) => ("int", "bitwidth", width),
            BitstringType::Varbit(width) => ("varbit", "max_bitwidth", width),
        };
        self.message(name, |w| w.number(field, *width));
    }

    fn data_type(&mut self, ty: &DataType) {
        let named = |w: &mut Writer, kind: &str, name: &str| w.message(kind, |w| w.string("name", name));
        match ty {
            DataType::Bitstring(bits) => self.message("bitstring", |w| w.bitstring(bits)),
            DataType::Bool => self.message("bool", |_| {}),
            DataType::Tuple(members) => self.message("tuple", |w| {
                for member in members {
                    w.message("members", |w| w.data_type(member));
                }
            }),
            DataType::Struct(name) => named(self, "struct", name),
            DataType::Header(name) => named(self, "header", name),
            DataType::HeaderUnion(name) => named(self, "header_union", name),
            DataType::HeaderStack(name, size) => self.message("header_stack", |w| {
                named(w, "header", name);
                w.number("size", *size);
            }),
            DataType::HeaderUnionStack(name, size) => self.message("header_union_stack", |w| {
                named(w, "header_union", name);
                w.number("size", *size);
            }),
            DataType::Enum(name) => named(self, "enum", name),
            DataType::Error => self.message("error", |_| {}),
            DataType::SerializableEnum(name) => named(self, "serializable_enum", name),
            DataType::NewType(name) => named(self, "new_type", name),
        }
    }

    fn entry(&mut self, map: &str, key: &str, value: impl FnOnce(&mut Writer)) {
        self.message(map, |w| {
            w.bytes("key", key.as_bytes());
            w.message("value", value);
        });
    }

    fn type_info(&mut self, types: &TypeInfo) {
        for (name, members) in &types.structs {
            self.entry("structs", name, |w| {
                for (name, ty) in members {
                    w.message("members", |w| {
                        w.string("name", name);
                        w.message("type_spec", |w| w.data_type(ty));
                    });
                }
            });
        }
        for (name, members) in &types.headers {
            self.entry("headers", name, |w| {
                for (name, ty) in members {
                    w.message("members", |w| {
                        w.string("name", name);
                        w.message("type_spec", |w| w.bitstring(ty));
                    });
                }
            });
        }
        for (name, members) in &types.header_unions {
            self.entry("header_unions", name, |w| {
                for (name, header) in members {
                    w.message("members", |w| {
                        w.string("name", name);
                        w.message("header", |w| w.string("name", header));
                    });
                }
            });
        }
        for (name, members) in &types.enums {
            self.entry("enums", name, |w| {
                for name in members {
                    w.message("members", |w| w.string("name", name));
                }
            });
        }
        if let Some(members) = &types.error {
            self.message("error", |w| w.strings("members", members));
        }
        for (name, ty) in &types.serializable_enums {
            self.entry("serializable_enums", name, |w| {
                w.message("underlying_type", |w| w.number("bitwidth", ty.bitwidth));
                for (name, value) in &ty.members {
                    w.message("members", |w| {
                        w.string("name", name);
                        w.bytes("value", value);
                    });
                }
            });
        }
        for (name, ty) in &types.new_types {
            self.entry("new_types", name, |w| {
                match &ty.representation {
                    Representation::OriginalType(ty) => w.message("original_type", |w| w.data_type(ty)),
                    Representation::TranslatedType { uri, sdn_bitwidth } => {
                        w.message("translated_type", |w| {
                            w.string("uri", uri);
                            match sdn_bitwidth {
                                Some(width) => w.field("sdn_bitwidth", Value::Number((*width).into())),
                                None => w.message("sdn_string", |_| {}),
                            }
                        })
                    }
                }
                w.strings("annotations", &ty.notes.annotations);
                w.structured(&ty.notes.structured_annotations);
            });
        }
    }
}

impl P4Info {
    /// Its fields.
    pub(super) fn fields(&self) -> Vec<(String, Value)> {
        let mut w = Writer::default();
        if let Some(pkg) = &self.pkg_info {
            w.message("pkg_info", |w| {
                w.string("name", &pkg.name);
                w.string("version", &pkg.version);
                w.doc(&pkg.doc);
                w.strings("annotations", &pkg.annotations);
                w.string("arch", &pkg.arch);
                w.string("organization", &pkg.organization);
                w.string("contact", &pkg.contact);
                w.string("url", &pkg.url);
                if !pkg.platform_properties.is_empty() {
                    w.message("platform_properties", |w| {
                        for (name, value) in &pkg.platform_properties {
                            w.number(name, *value);
                        }
                    });
                }
                w.structured(&pkg.structured_annotations);
            });
        }
        self.tables.iter().for_each(|t| w.message("tables", |w| w.table(t)));
        for action in &self.actions {
            w.message("actions", |w| {
                w.preamble(&action.preamble);
                action.params.iter().for_each(|p| w.param("params", p));
            });
        }
        self.action_profiles.iter().for_each(|p| w.message("action_profiles", |w| w.profile(p)));
        for counter in &self.counters {
            w.message("counters", |w| {
                w.preamble(&counter.preamble);
                w.message("spec", |w| w.unit(counter.unit));
                w.number("size", counter.size);
                w.type_name("index_type_name", &counter.index_type_name);
            });
        }
        for counter in &self.direct_counters {
            w.message("direct_counters", |w| {
                w.preamble(&counter.preamble);
                w.message("spec", |w| w.unit(counter.unit));
                w.number("direct_table_id", counter.direct_table_id);
            });
        }
        for meter in &self.meters {
            w.message("meters", |w| {
                w.preamble(&meter.preamble);
                w.meter_spec(meter.unit, meter.meter_type);
                w.number("size", meter.size);
                w.type_name("index_type_name", &meter.index_type_name);
            });
        }
        for meter in &self.direct_meters {
            w.message("direct_meters", |w| {
                w.preamble(&meter.preamble);
                w.meter_spec(meter.unit, meter.meter_type);
                w.number("direct_table_id", meter.direct_table_id);
            });
        }
        for header in &self.controller_packet_metadata {
            w.message("controller_packet_metadata", |w| {
                w.preamble(&header.preamble);
                header.metadata.iter().for_each(|m| w.param("metadata", m));
            });
        }
        for set in &self.value_sets {
            w.message("value_sets", |w| {
                w.preamble(&set.preamble);
                set.matches.iter().for_each(|m| w.match_field("match", m));
                w.number("size", set.size);
            });
        }
        for register in &self.registers {
            w.message("registers", |w| {
                w.preamble(&register.preamble);
                w.message("type_spec", |w| w.data_type(&register.type_spec));
                w.number("size", register.size);
                w.type_name("index_type_name", &register.index_type_name);
            });
        }
        for digest in &self.digests {
            w.message("digests", |w| {
                w.preamble(&digest.preamble);
                w.message("type_spec", |w| w.data_type(&digest.type_spec));
            });
        }
        if let Some(types) = &self.type_info {
            w.message("type_info", |w| w.type_info(types));
        }
        w.fields
    }
}
