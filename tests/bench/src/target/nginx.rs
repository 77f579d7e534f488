//! nginx, configured as one would for streams, no better and no worse.

use std::{io, net::SocketAddr, path::Path};

use crate::{
    process::Process,
    target::{Stage, WORKERS, free_port, open_files},
};

pub(super) fn start(stage: &Stage) -> io::Result<(SocketAddr, Option<Process>)> {
    let address = free_port()?;
    let folder = stage.folder.display();
    let (engine, files) = (stage.engine, open_files());
    // Under a tracer a single process is what can be counted.
    let processes = if stage.under.is_empty() {
        format!("worker_processes {WORKERS};")
    } else {
        "master_process off;".into()
    };
    let reuseport = if stage.under.is_empty() { " reuseport" } else { "" };
    let configuration = format!(
        "daemon off; user root; pid {folder}/nginx.pid; error_log /dev/null crit; {processes}\n\
         worker_rlimit_nofile {files};\n\
         events {{ worker_connections 16384; }}\n\
         http {{\n\
           access_log off; tcp_nodelay on; keepalive_timeout 75s; keepalive_requests 1000000000;\n\
           client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n\
           fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n\
           upstream engine {{ server {engine}; keepalive 512; keepalive_requests 1000000000; }}\n\
           server {{\n\
             listen {address} backlog=16384{reuseport};\n\
             location / {{\n\
               proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
               proxy_buffering off; proxy_read_timeout 600s;\n\
             }}\n\
           }}\n\
         }}\n"
    );
    let file = stage.folder.join("nginx.conf");
    std::fs::write(&file, configuration)?;
    let mut command = stage.command(Path::new("nginx"));
    command.arg("-p").arg(&stage.folder).arg("-c").arg(&file);
    Ok((address, Some(Process::start(command)?)))
}
