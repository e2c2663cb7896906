//! The wires of the demonstration: bridges, and a pair of devices to each interface.

use futures_util::TryStreamExt;
use rtnetlink::{Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth};

/// Makes links in this process's namespace.
pub struct Links {
    runtime: tokio::runtime::Runtime,
    handle: Handle,
}

impl Links {
    /// Opens a socket for it.
    pub fn new() -> anyhow::Result<Links> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let handle = {
            let _inside = runtime.enter();
            let (connection, handle, _) = rtnetlink::new_connection()?;
            runtime.spawn(connection);
            handle
        };
        Ok(Links { runtime, handle })
    }

    async fn index(handle: &Handle, name: &str) -> anyhow::Result<u32> {
        let found = handle.link().get().match_name(name.to_owned()).execute().try_next().await?;
        found.map(|l| l.header.index).ok_or_else(|| anyhow::anyhow!("the interface {name} is gone"))
    }

    /// Makes a bridge.
    pub fn bridge(&mut self, name: &str) -> anyhow::Result<()> {
        let handle = self.handle.clone();
        self.runtime.block_on(async move {
            handle.link().add(LinkMessageBuilder::<LinkBridge>::new(name).up().build()).execute().await?;
            Ok(())
        })
    }

    /// Plugs an interface of the namespace that a process lives in into a bridge.
    pub fn connect(&mut self, outside: &str, bridge: &str, inside: &str, pid: u32) -> anyhow::Result<()> {
        let handle = self.handle.clone();
        self.runtime.block_on(async move {
            let bridge = Links::index(&handle, bridge).await?;
            handle.link().add(LinkVeth::new(outside, inside).build()).execute().await?;
            let outer = Links::index(&handle, outside).await?;
            let inner = Links::index(&handle, inside).await?;
            handle.link().set(LinkUnspec::new_with_index(inner).setns_by_pid(pid).build()).execute().await?;
            handle
                .link()
                .set(LinkUnspec::new_with_index(outer).controller(bridge).up().build())
                .execute()
                .await?;
            Ok(())
        })
    }
}
