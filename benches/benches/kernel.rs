//! Programming the kernel: the reconciler against its model of the kernel, with the messages that the real one gets.

use std::net::IpAddr;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fib::core::{Config, Core, Input};
use fib::fake::{Kernel, drive};
use fib::{Address, GroupId, Hop, Intent, Route, Target};

const ROUTES: u32 = 50_000;

fn intents() -> Vec<Intent> {
    let hop =
        |n: u8| Hop { gateway: Some(IpAddr::from([10, 0, 0, n])), ifindex: 2, weight: 1, onlink: false };
    let mut all = vec![
        Intent::Group { id: GroupId(1), hops: vec![hop(1)], resilient: None },
        Intent::Group { id: GroupId(2), hops: vec![hop(1), hop(2)], resilient: None },
    ];
    all.extend((0..ROUTES).map(|i| Intent::Route {
        prefix:
            ipnet::IpNet::new(IpAddr::from((0x0100_0000 + (i << 8)).to_be_bytes()), 24).expect("a prefix"),
        table: 254,
        route: Some(Route {
            protocol: 186,
            metric: 20,
            target: Target::Group(GroupId(1 + i % 2)),
            source: None,
        }),
    }));
    all
}

fn ready() -> (Core, Kernel) {
    let mut kernel = Kernel::default();
    kernel.set_link(2, true, true);
    kernel.add_address(Address {
        ifindex: 2,
        net: "10.0.0.254/24".parse().expect("a literal"),
        peer: None,
        flags: 0,
        scope: 0,
        protocol: 0,
    });
    let mut core = Core::new(Config::default());
    drive(&mut core, &mut kernel, 0, || false);
    (core, kernel)
}

fn kernel(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernel");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(ROUTES)));
    group.bench_function("program routes", |b| {
        let fresh = || (ready(), intents());
        let run = |((core, kernel), intents): &mut ((Core, Kernel), Vec<Intent>)| {
            core.handle(1, Input::Intents(std::mem::take(intents)));
            drive(core, kernel, 1, || false);
            assert_eq!(kernel.routes.len(), ROUTES as usize);
        };
        b.iter_batched_ref(fresh, run, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, kernel);
criterion_main!(benches);
