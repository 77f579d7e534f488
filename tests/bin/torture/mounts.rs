//! A disk that is really full, and a folder that is really read-only: small file systems in memory, where this
//! process may mount them.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use jurat_tests::Readiness;
use tokio::time::sleep;

use crate::{
    chains::Chains,
    disk::Mode,
    field::{Field, Portion, Size, last_words},
};

/// Large enough for an archive, small enough to be filled.
const SIZE: &str = "size=16m";
const PATIENCE: Duration = Duration::from_secs(30);
const A_WHILE: Duration = Duration::from_millis(500);

/// The disk fills up, and is relieved.
pub(crate) async fn full(field: &mut Field, size: Size) {
    let modes: &[Mode] = match size.extent {
        Portion::All => &[Mode::Refuse, Mode::Memory],
        Portion::Few => &[Mode::Memory],
    };
    for &mode in modes {
        let Some(disk) = Mount::new(&field.folder.path(&format!("{mode:?}"))) else { return skip(field) };
        field.account.books().tally.rounds += 1;
        fill(field, &disk.0, mode).await;
        // The next archive is another.
        field.chains = Chains::default();
        field.account.books().settled.clear();
    }
}

async fn fill(field: &mut Field, disk: &Path, mode: Mode) {
    let builder = field.sidecar_on(disk).args(mode.arguments());
    let Some(sidecar) = field.start(builder.clone()).await else { return };
    let Some(load) = field.load(&sidecar).await else { return };
    sleep(A_WHILE).await;
    let ballast = disk.join("ballast");
    take_all(&ballast);
    if !sidecar.readiness_within(Readiness::Red, PATIENCE).await {
        field.account.wrong(format!("{mode:?}: green on a full disk: {}", last_words(&sidecar.said())));
    }
    let acknowledged = field.account.acknowledged();
    sleep(A_WHILE).await;
    let more = field.account.acknowledged() > acknowledged;
    field.account.require(more || mode == Mode::Refuse, "memory does not stand in for a full disk");
    std::fs::remove_file(&ballast).expect("remove the ballast");
    field.require_green(&sidecar, PATIENCE, "once there is room again").await;
    sleep(A_WHILE).await;
    load.stop().await;
    field.settle(&sidecar).await;
    field.stop(sidecar).await;
    let Some(sidecar) = field.start(builder).await else { return };
    field.settle_all(&sidecar).await;
    field.stop(sidecar).await;
}

/// An archive whose file system can't be written to.
pub(crate) async fn read_only(field: &mut Field) {
    let Some(disk) = Mount::new(&field.folder.path("read-only")) else { return skip(field) };
    field.account.books().tally.rounds = 1;
    let [refuse, memory] =
        [Mode::Refuse, Mode::Memory].map(|mode| field.sidecar_on(&disk.0).args(mode.arguments()));
    let Some(sidecar) = field.start(refuse.clone()).await else { return };
    let Some(load) = field.load(&sidecar).await else { return };
    sleep(A_WHILE).await;
    load.stop().await;
    field.stop(sidecar).await;
    disk.remount("ro");
    match refuse.clone().launch().await {
        Ok(_) => field.account.wrong("refuse: it starts on a read-only disk"),
        Err(left) => {
            let clear = left.code == Some(69) && left.said.contains("jurat: error:");
            let said = last_words(&left.said);
            field.account.require(clear, format!("read-only, refuse: code {:?}: {said}", left.code));
        }
    }
    match memory.launch().await {
        Ok(sidecar) => {
            let red = !sidecar.readiness_within(Readiness::Green, A_WHILE).await;
            field.account.require(red, "memory: ready on a read-only disk");
            let acknowledged = field.account.acknowledged();
            let Some(load) = field.load(&sidecar).await else { return };
            sleep(A_WHILE).await;
            field.account.require(field.account.acknowledged() > acknowledged, "memory does not stand in");
            disk.remount("rw");
            field.require_green(&sidecar, PATIENCE, "once the disk can be written to").await;
            load.stop().await;
            field.settle(&sidecar).await;
            field.stop(sidecar).await;
        }
        Err(left) => {
            let said = last_words(&left.said);
            field.account.wrong(format!("read-only, memory: it does not start ({:?}): {said}", left.code));
            disk.remount("rw");
        }
    }
    let Some(sidecar) = field.start(refuse).await else { return };
    field.settle_all(&sidecar).await;
    field.stop(sidecar).await;
}

fn skip(field: &Field) {
    field.account.books().tally.skipped = Some("this process may not mount a file system".into());
}

/// Writes until there is no room.
fn take_all(path: &Path) {
    let mut file = File::create(path).expect("make the ballast");
    for size in [64 << 10, 4 << 10] {
        let block = vec![0x5a; size];
        while file.write_all(&block).is_ok() {}
    }
}

/// A file system in memory, unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(path: &Path) -> Option<Self> {
        std::fs::create_dir_all(path).expect("make a folder to mount on");
        mount(&["-t", "tmpfs", "-o", SIZE, "jurat-torture"], path).then(|| Self(path.to_owned()))
    }

    fn remount(&self, how: &str) {
        let done = mount(&["-o", &format!("remount,{how}")], &self.0);
        assert!(done, "remount {} {how}", self.0.display());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("torture: {} is still mounted", self.0.display());
        }
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    let mut mount = Command::new("mount");
    let status = mount.args(arguments).arg(path).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
