//! What the kernel's thread tells, passed on to those who need it.

use std::sync::{Arc, PoisonError, RwLock};

use fib::linux::FromKernel;
use fib::{Event, ForeignRoute, Report, RouteKind};
use ipnet::IpNet;
use rib::nexthop::ResolvedHop;
use rib::{Core, Input};
use smallvec::SmallVec;

use super::clock;
use super::netdevs::Netdevs;
use super::rib_thread::RibHandle;

/// The main table: others are not ours to look at.
const MAIN_TABLE: u32 = 254;

/// `RTPROT_KERNEL`: what the kernel makes of addresses, which we know as connected.
const FROM_ADDRESSES: u8 = 2;

/// Called with each event after the table was told.
pub type Listener = Box<dyn FnMut(&Event) + Send>;

/// Called with each report.
pub type Reports = Box<dyn FnMut(Report) + Send>;

/// Makes the sink of the kernel's thread.
pub fn sink(
    netdevs: Arc<RwLock<Netdevs>>,
    rib: RibHandle,
    mut listener: Listener,
    mut reports: Reports,
) -> impl FnMut(FromKernel) + Send + 'static {
    move |message| match message {
        FromKernel::Report(report) => {
            log_report(&report);
            if let Report::Acknowledged(routes) = &report {
                let ours = routes.iter().filter(|(_, table)| *table == MAIN_TABLE);
                let prefixes: Vec<IpNet> = ours.map(|(prefix, _)| *prefix).collect();
                let _ = rib.tell(move |core| core.handle(clock::now(), Input::Installed(&prefixes)));
            }
            reports(report);
        }
        FromKernel::Event(event) => {
            netdevs.write().unwrap_or_else(PoisonError::into_inner).apply(clock::now(), &event);
            let told = event.clone();
            // The table may be gone at the very end.
            let _ = rib.tell(move |core| tell_table(core, &told));
            listener(&event);
        }
    }
}

fn tell_table(core: &mut Core, event: &Event) {
    let now = clock::now();
    match event {
        Event::LinkChanged(link) => {
            let loopback = link.hardware == 772;
            let up = if loopback { link.up } else { link.usable() };
            core.handle(now, Input::Link { ifindex: link.index, name: &link.name, up });
        }
        Event::LinkGone { index, .. } => core.handle(now, Input::LinkGone(*index)),
        Event::AddressAdded(a) if !a.net.addr().is_loopback() => {
            core.handle(now, Input::Address(a.ifindex, a.net));
        }
        Event::AddressRemoved(a) if !a.net.addr().is_loopback() => {
            core.handle(now, Input::AddressGone(a.ifindex, a.net));
        }
        Event::RouteAdded(route) if concerns(route) => {
            let hops: SmallVec<[ResolvedHop; 2]> = route
                .hops
                .iter()
                .map(|h| ResolvedHop { gateway: h.gateway, ifindex: h.ifindex, onlink: h.onlink })
                .collect();
            core.handle(now, Input::KernelRoute { prefix: route.prefix, metric: route.metric, hops });
        }
        Event::RouteRemoved(route) if concerns(route) => {
            core.handle(now, Input::KernelRouteGone { prefix: route.prefix, metric: route.metric });
        }
        Event::AddressAdded(_)
        | Event::AddressRemoved(_)
        | Event::RouteAdded(_)
        | Event::RouteRemoved(_)
        | Event::Resynced => {}
    }
}

fn concerns(route: &ForeignRoute) -> bool {
    let kind = matches!(
        route.kind,
        RouteKind::Unicast | RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit
    );
    // A unicast route without known ways out hangs on somebody's next-hop object: not to be resolved over.
    let leads = route.kind != RouteKind::Unicast || !route.hops.is_empty();
    kind && leads && route.table == MAIN_TABLE && route.protocol != FROM_ADDRESSES
}

fn log_report(report: &Report) {
    match report {
        Report::RouteFailed { prefix, errno, message, .. } => {
            let error = std::io::Error::from_raw_os_error(*errno);
            tracing::warn!(%prefix, %error, message, "the kernel refused a route");
        }
        Report::HopFailed { hop, errno, message } => {
            let error = std::io::Error::from_raw_os_error(*errno);
            tracing::warn!(?hop, %error, message, "the kernel refused a next hop");
        }
        Report::Stolen { prefix, .. } => {
            tracing::warn!(%prefix, "somebody removed or replaced a route of ours: it is put back");
        }
        Report::Resync => tracing::warn!("the kernel lost messages: comparing everything anew"),
        Report::Loss { what, reason } => tracing::warn!(what, reason, cost = cost(what), "cannot be set"),
        Report::Synced => tracing::info!("the kernel holds what it should"),
        Report::Acknowledged(_) | Report::Counts(_) => {}
    }
}

/// What is lost without a setting of the kernel. In a container they are read-only unless given at its creation.
fn cost(what: &str) -> &'static str {
    match what.rsplit('.').next().unwrap_or(what) {
        "forwarding" | "ip_forward" => "packets are not forwarded: set it when the container is created",
        "fib_multipath_hash_policy" => "equal paths are chosen by addresses alone",
        "keep_addr_on_down" => "an interface that goes down loses its IPv6 addresses",
        "ignore_routes_with_linkdown" => "routes over a link without carrier stay in use",
        "nexthop_compat_mode" => "the kernel tells more of every change than we need",
        _ => "the router works without",
    }
}
