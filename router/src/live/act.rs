//! `clear`, `debug` and the like.

use std::sync::PoisonError;

use bgp::fsm::StopReason;
use bgp::types::{Family, PeerKind};

use super::Live;
use crate::cli::backend::{Action, ActionError, ClearKind, ClearTarget, RpkiAction};
use crate::config::model::PeerId;
use crate::shell::clock;
use crate::shell::peer::Command;
use crate::shell::peers::Entry;
use crate::shell::rtr::Request;

impl Live {
    pub(super) fn do_at_once(&self, action: Action) -> Result<(), ActionError> {
        match action {
            Action::ClearBgp { target, family, kind } => self.clear(&target, family, kind),
            Action::ClearBgpPrefix(net) => {
                let _ = self.control.rib.tell(move |core| core.tell_again(net));
                Ok(())
            }
            Action::ClearDampening(family, net) => {
                let _ = self.control.rib.tell(move |core| core.clear_damping(family, net));
                Ok(())
            }
            Action::ClearPolicyCounters => {
                let _ = self.control.rib.tell(|core| core.clear_policy_counts());
                Ok(())
            }
            Action::Debug { on, what } => {
                let mut debugging = self.debugging.lock().unwrap_or_else(PoisonError::into_inner);
                debugging.retain(|d| *d != what);
                if on {
                    debugging.push(what);
                }
                crate::logs::set_debugging(!debugging.is_empty(), &self.config().logging);
                Ok(())
            }
            Action::Rpki(action) => {
                self.control.rtr.request(match action {
                    RpkiAction::Start => Request::Start,
                    RpkiAction::Stop => Request::Stop,
                    RpkiAction::Reset => Request::Reset,
                });
                Ok(())
            }
            Action::Log { level, text } => {
                match level.as_deref() {
                    Some("emergencies" | "alerts" | "critical" | "errors") => tracing::error!("{text}"),
                    Some("warnings") => tracing::warn!("{text}"),
                    Some("debugging") => tracing::debug!("{text}"),
                    _ => tracing::info!("{text}"),
                }
                Ok(())
            }
        }
    }

    /// The neighbours that a reset is about.
    fn targets(&self, target: &ClearTarget) -> Result<Vec<Entry>, ActionError> {
        let config = self.config();
        let Some(bgp) = &config.bgp else { return Err(ActionError::NoInstance) };
        let all = self.control.peers.entries();
        let chosen: Vec<Entry> = match target {
            ClearTarget::All => return Ok(all),
            ClearTarget::Neighbor(id) => all.into_iter().filter(|e| e.name == *id).collect(),
            ClearTarget::Asn(asn) => {
                all.into_iter().filter(|e| e.remote_as.is_some_and(|a| a.0 == *asn)).collect()
            }
            ClearTarget::External => all
                .into_iter()
                .filter(|e| e.remote_as.is_none_or(|a| e.neighbor.kind(bgp, a) == PeerKind::External))
                .collect(),
            ClearTarget::PeerGroup(name) => {
                if !bgp.peer_groups.contains_key(name) {
                    return Err(ActionError::UnknownPeerGroup(name.clone()));
                }
                return Ok(all
                    .into_iter()
                    .filter(|e| e.neighbor.peer_group.as_ref() == Some(name))
                    .collect());
            }
        };
        match (target, chosen.is_empty()) {
            (ClearTarget::Neighbor(id), true) => Err(ActionError::UnknownNeighbor(id.to_string())),
            (ClearTarget::Asn(asn), true) => Err(ActionError::UnknownAs(*asn)),
            _ => Ok(chosen),
        }
    }

    fn clear(
        &self,
        target: &ClearTarget,
        family: Option<Family>,
        kind: ClearKind,
    ) -> Result<(), ActionError> {
        let families: Vec<Family> = family.map_or(Family::ALL.to_vec(), |f| vec![f]);
        for entry in self.targets(target)? {
            match kind {
                ClearKind::Hard => self.restart(&entry.name),
                ClearKind::MessageStats => {
                    self.control.peers.command(&entry.name, Command::ClearStats);
                }
                ClearKind::Soft => {
                    self.soft_in(&entry, &families);
                    self.soft_out(&entry, &families);
                }
                ClearKind::SoftIn => self.soft_in(&entry, &families),
                ClearKind::SoftOut => self.soft_out(&entry, &families),
            }
        }
        Ok(())
    }

    fn restart(&self, name: &PeerId) {
        self.control.peers.command(name, Command::Restart(StopReason::UserReset));
    }

    /// Kept routes go through policy again; else the neighbour is asked for them.
    fn soft_in(&self, entry: &Entry, families: &[Family]) {
        let id = entry.id;
        for &family in families.iter().filter(|f| entry.neighbor.family(**f).activate) {
            if entry.neighbor.family(family).soft_reconfiguration {
                let _ = self.control.rib.tell(move |core| {
                    core.handle(clock::now(), rib::Input::Reimport(id, family));
                });
            } else {
                self.control.peers.command(&entry.name, Command::SoftIn(family));
            }
        }
    }

    fn soft_out(&self, entry: &Entry, families: &[Family]) {
        let id = entry.id;
        for &family in families.iter().filter(|f| entry.neighbor.family(**f).activate) {
            let _ = self.control.rib.tell(move |core| {
                core.handle(clock::now(), rib::Input::Refresh(id, family));
            });
        }
    }
}
