use super::*;

fn poll(body: &mut Pieces) -> Poll<Option<Result<Bytes, io::ErrorKind>>> {
    let mut task = Context::from_waker(std::task::Waker::noop());
    Pin::new(body).poll_frame(&mut task).map(|frame| {
        frame.map(|frame| frame.map(|frame| frame.into_data().unwrap()).map_err(|error| error.kind()))
    })
}

#[test]
fn a_body_ends_only_where_it_was_said_to() {
    let (to, mut body) = Pieces::new(Some(5));
    assert_eq!(body.size_hint().exact(), Some(5));
    assert!(poll(&mut body).is_pending());
    to.try_send(Piece::More(Bytes::from_static(b"abc"))).ok().unwrap();
    to.try_send(Piece::More(Bytes::from_static(b"de"))).ok().unwrap();
    to.try_send(Piece::End).ok().unwrap();
    assert_eq!(poll(&mut body), Poll::Ready(Some(Ok(Bytes::from_static(b"abc")))));
    assert_eq!(body.size_hint().exact(), Some(2));
    assert_eq!(poll(&mut body), Poll::Ready(Some(Ok(Bytes::from_static(b"de")))));
    assert_eq!(poll(&mut body), Poll::Ready(None));
}

#[test]
fn a_client_that_breaks_off_breaks_the_request_off() {
    let (to, mut body) = Pieces::new(None);
    assert_eq!(body.size_hint().exact(), None);
    drop(to);
    assert_eq!(poll(&mut body), Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof))));
}
