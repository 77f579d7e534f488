//! `jurat demo`: the whole story on a laptop. Everything in it is the product's own path; the TEE alone is
//! simulated, and the engine is a small one unless you bring your own.

mod engine;
mod story;

use crate::{
    cli::{DemoOptions, ServeOptions},
    config::Config,
    exit::{Code, Failure, say},
    service::Service,
    telemetry,
};

pub(crate) fn run(options: DemoOptions) -> Result<Code, Failure> {
    telemetry::start("warn");
    actix_web::rt::System::new().block_on(async {
        let engine = match options.engine {
            Some(address) => address,
            None => engine::start()?,
        };
        let serving = ServeOptions {
            listen: Some("127.0.0.1:0".into()),
            admin_listen: Some("127.0.0.1:0".into()),
            engine: Some(engine),
            workers: Some(1),
            simulated_tee: true,
            ..ServeOptions::default()
        };
        let (running, data, admin) = Service::build(Config::load(&serving)?)?.start()?;
        actix_web::rt::spawn(data);
        actix_web::rt::spawn(admin);
        let told = story::tell(&running, &options.model).await;
        let _ = running.end().await;
        told?;
        say("all of it held");
        Ok(Code::Done)
    })
}
