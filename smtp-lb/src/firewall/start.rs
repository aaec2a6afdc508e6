//! The backend that the plan asks for, or the nearest that can be had.

use std::sync::{Arc, Mutex};

use smtp_lb_common::abi::PROGRAM;

use super::compile::compile;
use super::image_map;
use super::label::Slots;
use super::loader::{self, AttachMode, LoadError, Loaded};
use super::now::Now;
use super::pins;
use super::report::{FirewallReport, InForce, InterfaceReport, enforcement_name};
use super::userspace::Userspace;
use super::{Backend, FirewallError, object};
use crate::config::plan::{Enforcement, Plan};

/// Starts the backend and reports what is in force.
pub(crate) fn start(plan: &Plan, now: &Now) -> Result<(Backend, FirewallReport), FirewallError> {
    let firewall = &plan.firewall;
    let enforcement = firewall.enforcement;
    let mut report = FirewallReport {
        enforcement: enforcement_name(enforcement).to_owned(),
        mode: InForce::Off,
        interfaces: Vec::new(),
        warnings: Vec::new(),
    };
    if enforcement == Enforcement::Userspace || firewall.interfaces.is_empty() {
        if pins::is_attached(&firewall.pin_path) {
            report.warnings.push(format!(
                "a filter of a former run goes on by its old rules; `smtp-lb firewall detach \
                 --pin-path {}` removes it",
                firewall.pin_path.display()
            ));
        }
        return Ok((start_userspace(plan, now, &mut report)?, report));
    }
    let backend = match start_kernel(plan, now, &mut report) {
        Ok(loaded) => Backend::Kernel(Box::new(Mutex::new(loaded))),
        // Beside a filter that goes on by old rules there is no fallback to the new ones.
        Err(error)
            if may_fall_back(enforcement, &error) && !pins::is_attached(&firewall.pin_path) =>
        {
            report.warnings.push(format!(
                "XDP cannot be had, connections are judged at accept instead: {error}"
            ));
            start_userspace(plan, now, &mut report)?
        }
        Err(error) => return Err(error),
    };
    Ok((backend, report))
}

/// With `auto`, all that keeps XDP away leads to the fallback, save what the operator must mend:
/// a wrong name, or somebody else's program.
const fn may_fall_back(enforcement: Enforcement, error: &FirewallError) -> bool {
    matches!(enforcement, Enforcement::Auto)
        && !matches!(
            error,
            FirewallError::Compile(_)
                | FirewallError::Load(LoadError::NoInterface { .. } | LoadError::Occupied { .. })
        )
}

fn start_userspace(
    plan: &Plan,
    now: &Now,
    report: &mut FirewallReport,
) -> Result<Backend, FirewallError> {
    let compiled = compile(plan, now, Slots::default(), 1)?;
    let names = &plan.firewall.interfaces;
    if !names.is_empty() || plan.firewall.enforcement == Enforcement::Userspace {
        report.mode = InForce::Userspace;
        report.interfaces = names
            .iter()
            .map(|name| InterfaceReport {
                name: name.clone(),
                mode: InForce::Userspace,
            })
            .collect();
    }
    Ok(Backend::Userspace(Arc::new(Userspace::new(compiled))))
}

/// Image first, then program, then links: a packet never meets a program without its policy.
fn start_kernel(
    plan: &Plan,
    now: &Now,
    report: &mut FirewallReport,
) -> Result<Loaded, FirewallError> {
    let firewall = &plan.firewall;
    for name in &firewall.interfaces {
        loader::find(name)?;
    }
    let mut loaded = loader::load(object(), PROGRAM, &firewall.pin_path)?;
    let compiled = compile(plan, now, image_map::slots(&loaded.image)?, 1)?;
    image_map::fill(&compiled.lines)?.switch(&mut loaded.image)?;
    let modes: &[AttachMode] = match firewall.enforcement {
        Enforcement::XdpNative => &[AttachMode::Native],
        Enforcement::XdpGeneric => &[AttachMode::Generic],
        Enforcement::Auto | Enforcement::Userspace => &[AttachMode::Native, AttachMode::Generic],
    };
    report.mode = InForce::XdpNative;
    for name in &firewall.interfaces {
        let (native, refusals) = loaded.attach(name, modes)?;
        let mode = if native {
            InForce::XdpNative
        } else {
            report.mode = InForce::XdpGeneric;
            InForce::XdpGeneric
        };
        if !refusals.is_empty() {
            report.warnings.push(format!(
                "{name}: native XDP cannot be had, generic XDP is in force: {}",
                refusals.join("; ")
            ));
        }
        report.interfaces.push(InterfaceReport {
            name: name.clone(),
            mode,
        });
    }
    loaded.detach_others(&firewall.interfaces);
    Ok(loaded)
}
