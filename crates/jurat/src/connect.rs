//! `jurat connect`: a verifying proxy on the client's side. Any OpenAI client works unchanged against it, and gets no
//! answer that the service did not swear to without being told so.

mod body;
mod case;
mod events;
mod headers;
mod refusal;
mod relay;
mod trust;
mod unsworn;
mod upload;
mod verdicts;

use std::{
    net::TcpListener,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::Server,
    http::Method,
    web::{self, Payload},
};
use jurat_proxy::{Brings, Oath, Route};
use jurat_verify::Outcome;
use jurat_witness::Family;
use tokio::signal::unix::{SignalKind, signal};

use self::{
    body::Ending,
    refusal::Refusal,
    trust::Trust,
    verdicts::{Telling, Verdicts},
};
use crate::{
    cli::ConnectOptions,
    exit::{Code, Failure, say},
    serve::{harden, one_more},
    service::{bind, local},
    telemetry, verify,
};

/// Workers of the local listener: there is one client or a few.
const WORKERS: usize = 2;
const CONNECTIONS: usize = 10_000;
/// How often a drain looks whether it is over.
const GLANCE: Duration = Duration::from_millis(10);
/// How long the last bytes get to leave.
const FLUSH: Duration = Duration::from_millis(100);

/// What all requests share.
struct Proxy {
    trust: Trust,
    verdicts: Verdicts,
    ending: Ending,
    /// Most bytes of an answer that are held until it is judged.
    most_held: usize,
    draining: AtomicBool,
    under_way: AtomicUsize,
}

pub(crate) fn run(options: ConnectOptions) -> Result<Code, Failure> {
    telemetry::start("warn,actix_server=warn,actix_http=off");
    harden();
    sound(&options)?;
    let base = verify::base(&options.url)?;
    let every = Duration::from_secs(options.verify_every);
    let (trust, verdict) = Trust::establish(base, options.judging.clone(), every)?;
    if verdict.outcome() != Outcome::Trusted {
        return Ok(verify::show(&verdict, options.judging.json, None));
    }
    let listener = bind(options.listen)?;
    let address = local(&listener)?;
    let telling = if options.judging.json { Telling::Json } else { Telling::Lines };
    let proxy = web::Data::new(Proxy {
        trust,
        verdicts: Verdicts::new(telling),
        ending: if options.hold { Ending::Held } else { Ending::AfterAMoment },
        most_held: options.most_held,
        draining: AtomicBool::new(false),
        under_way: AtomicUsize::new(0),
    });
    verdict.limits().iter().for_each(|limit| say(format_args!("limit: {limit}")));
    actix_web::rt::System::new().block_on(async {
        let server = server(proxy.clone(), listener).map_err(Failure::unavailable)?;
        say(format_args!("listening on http://{address}"));
        say(format_args!("give OpenAI clients base_url http://{address}/v1"));
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let renewing = proxy.clone();
        actix_web::rt::spawn(async move { renewing.trust.keep_on().await });
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::unavailable)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::unavailable)?;
        one_more(&mut terminate, &mut interrupt).await;
        say("draining; a second signal ends at once");
        tokio::select! {
            () = drain(&proxy, Duration::from_secs(options.drain_grace)) => {}
            () = one_more(&mut terminate, &mut interrupt) => {}
        }
        handle.stop(false).await;
        Ok(Code::Done)
    })
}

/// Refuses what would not be what it looks like.
fn sound(options: &ConnectOptions) -> Result<(), Failure> {
    if options.judging.nonce.is_some() || options.judging.at.is_some() {
        return Err(Failure::usage("each verification draws a nonce of its own and is about now")
            .hint("leave --nonce and --at out"));
    }
    if !options.listen.ip().is_loopback() && !options.listen_beyond_this_machine {
        return Err(Failure::usage(format_args!(
            "{} can be reached from other machines, and tokens pass here in the clear",
            options.listen
        ))
        .hint("listen on 127.0.0.1, or say --listen-beyond-this-machine"));
    }
    Ok(())
}

fn server(proxy: web::Data<Proxy>, listener: TcpListener) -> std::io::Result<Server> {
    let server =
        HttpServer::new(move || App::new().app_data(proxy.clone()).default_service(web::to(dispatch)));
    Ok(server
        .workers(WORKERS)
        .max_connections(CONNECTIONS)
        .tcp_nodelay(true)
        // A client that half-closes has left.
        .h1_allow_half_closed(false)
        .keep_alive(Duration::from_secs(75))
        .disable_signals()
        .listen(listener)?
        .run())
}

async fn dispatch(proxy: web::Data<Proxy>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let path = request.uri().path();
    let name = path.strip_prefix("/v1/").or_else(|| path.strip_prefix('/')).unwrap_or_default();
    if let Some(id) = name.strip_prefix("verdict/").filter(|_| *request.method() == Method::GET) {
        let word = id.parse().ok().and_then(|id| proxy.verdicts.of(&id));
        return match word {
            Some(json) => HttpResponse::Ok().content_type("application/json").body(json),
            None => Refusal::VerdictUnknown.response(),
        };
    }
    if proxy.draining.load(Ordering::Relaxed) {
        return Refusal::Draining.response();
    }
    let Some(route) = Route::find(request.method(), path).or_else(|| own(request.method(), name)) else {
        return Refusal::RouteUnknown.response();
    };
    let _asking = UnderWay::of(&proxy);
    relay::relay(proxy, &request, payload, &route).await.unwrap_or_else(|refusal| refusal.response())
}

/// The service's own routes: nobody swears to these, as they prove themselves or nothing.
fn own(method: &Method, name: &str) -> Option<Route> {
    let plain = |id: &str| {
        !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let known = matches!(name, "attestation/report" | "health" | "version")
        || name.strip_prefix("signature/").is_some_and(plain);
    (*method == Method::GET && known).then(|| Route {
        path: format!("/{name}"),
        family: Family::Plain,
        oath: Oath::Relayed,
        brings: Brings::Nothing,
    })
}

/// A request or an answer that a drain waits for.
struct UnderWay(web::Data<Proxy>);

impl UnderWay {
    fn of(proxy: &web::Data<Proxy>) -> Self {
        proxy.under_way.fetch_add(1, Ordering::Relaxed);
        Self(proxy.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes nothing new, and waits for the answers under way until their grace is over.
async fn drain(proxy: &Proxy, grace: Duration) {
    proxy.draining.store(true, Ordering::Relaxed);
    let until = Instant::now() + grace;
    while proxy.under_way.load(Ordering::Relaxed) > 0 && Instant::now() < until {
        tokio::time::sleep(GLANCE).await;
    }
    tokio::time::sleep(FLUSH).await;
}
