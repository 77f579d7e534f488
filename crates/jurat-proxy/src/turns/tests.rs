//! What flows goes on while many begin.

use std::{
    cell::{Cell, RefCell},
    io::Write,
    rc::Rc,
};

use actix_web::rt::{self, System};
use tokio::{io::AsyncReadExt, net::UnixStream, task::yield_now};

use super::{AT_A_TIME, Turns};

const MANY: usize = 200;

#[test]
fn a_socket_is_read_while_many_wait_to_begin() {
    System::new().block_on(reading());
}

async fn reading() {
    let (near, far) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
    near.set_nonblocking(true).expect("a socket can be waited for");
    let (mut near, far) = (UnixStream::from_std(near).expect("it is registered"), RefCell::new(far));
    let (turns, begun, far) = (Turns::new(), Rc::new(Cell::new(0)), Rc::new(far));
    let flowing = {
        let begun = Rc::clone(&begun);
        rt::spawn(async move {
            near.read_u8().await.expect("a byte comes");
            begun.get()
        })
    };
    for _ in 0..MANY {
        let (turns, begun, far) = (Rc::clone(&turns), Rc::clone(&begun), Rc::clone(&far));
        rt::spawn(async move {
            turns.take().await;
            begun.set(begun.get() + 1);
            if begun.get() == 10 {
                far.borrow_mut().write_all(b"x").expect("the event of a stream");
            }
        });
    }
    let then = flowing.await.expect("it is read");
    assert!((10..=10 + 2 * AT_A_TIME).contains(&then), "{then} of {MANY} had begun");
}

#[test]
fn whoever_waits_longest_is_next_and_whoever_leaves_holds_nobody() {
    System::new().block_on(queueing());
}

async fn queueing() {
    let (turns, order) = (Turns::new(), Rc::new(RefCell::new(Vec::new())));
    let mut waiting = Vec::new();
    for number in 0..MANY {
        let (turns, order) = (Rc::clone(&turns), Rc::clone(&order));
        waiting.push(rt::spawn(async move {
            turns.take().await;
            order.borrow_mut().push(number);
        }));
    }
    yield_now().await;
    // Every third leaves, those first in the queue among them.
    for gone in waiting.iter().skip(AT_A_TIME).step_by(3) {
        gone.abort();
    }
    let mut stayed = Vec::new();
    for (number, one) in waiting.into_iter().enumerate() {
        if one.await.is_ok() {
            stayed.push(number);
        }
    }
    assert!(stayed.len() > MANY / 2 && stayed.len() < MANY, "{}", stayed.len());
    assert_eq!(*order.borrow(), stayed);
    while turns.coming.get() {
        yield_now().await;
    }
    assert!((1..=AT_A_TIME).contains(&turns.left.available_permits()));
}
