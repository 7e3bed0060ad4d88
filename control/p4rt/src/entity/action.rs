//! Actions with their parameters (section 9.1.2).

use heddle_p4rt_proto::config::action_ref::Scope;
use heddle_p4rt_proto::v1;
use heddle_state::ActionSpec;

use super::{Decoder, Encoder};
use crate::schema::Listed;
use crate::status::Refusal;

impl Decoder<'_> {
    /// An action out of those listed, and where it may be used.
    pub(super) fn action(
        &mut self,
        owner: &str,
        listed: &[Listed],
        action: &v1::Action,
    ) -> Result<(ActionSpec, Scope), Refusal> {
        let schema = self.schema;
        let found = listed.iter().find_map(|listed| {
            let known = schema.actions.get(listed.action)?;
            (known.object.id == action.action_id).then_some((listed, known))
        });
        let Some((listed, known)) = found else {
            let names: Vec<String> = listed
                .iter()
                .filter_map(|listed| schema.actions.get(listed.action))
                .map(|known| format!("{:#x} (`{}`)", known.object.id, known.object.name))
                .collect();
            return Err(Refusal::invalid(format!(
                "{owner} has no action with id {:#x}; its actions are {}",
                action.action_id,
                names.join(", ")
            )));
        };
        let name = &known.object.name;
        if let Some(extra) =
            action.params.iter().find(|given| known.params.iter().all(|p| p.id != given.param_id))
        {
            return Err(Refusal::invalid(format!(
                "{owner}, action `{name}`: there is no parameter with id {}; leave it out",
                extra.param_id
            )));
        }
        let mut args = Vec::with_capacity(known.params.len());
        for param in &known.params {
            let place = |refusal: Refusal| {
                refusal.at(format_args!("{owner}, action `{name}`, parameter `{}`", param.name))
            };
            let mut given = action.params.iter().filter(|given| given.param_id == param.id);
            let Some(first) = given.next() else {
                return Err(place(Refusal::invalid("no value is given, and there is no default")));
            };
            if given.next().is_some() {
                return Err(place(Refusal::invalid("the parameter is given twice; give it once")));
            }
            args.push(self.translations.decode(param.coding, param.width, &first.value).map_err(place)?);
        }
        Ok((ActionSpec { action: listed.ir, args }, listed.scope))
    }
}

impl Encoder<'_> {
    /// An action as controllers write it.
    pub(super) fn action(&self, spec: &ActionSpec) -> v1::Action {
        let Some(known) = self.schema.action_of(spec.action) else { return v1::Action::default() };
        let params = known.params.iter().zip(&spec.args).map(|(param, value)| v1::action::Param {
            param_id: param.id,
            value: self.translations.encode(param.coding, value),
        });
        v1::Action { action_id: known.object.id, params: params.collect() }
    }
}
