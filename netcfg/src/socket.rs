//! A blocking netlink socket in the namespace of the thread that opens it.

use std::io;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket as Raw, SocketAddr};

use crate::Error;

/// So often is a list asked for that changes while it is told.
const DUMPS_MAX: usize = 10;

/// Asks and waits. One question at a time.
pub(crate) struct Socket {
    raw: Raw,
    sequence: u32,
}

impl Socket {
    pub(crate) fn open() -> Result<Self, Error> {
        let opened = || {
            let mut raw = Raw::new(NETLINK_ROUTE)?;
            raw.bind_auto()?;
            raw.connect(&SocketAddr::new(0, 0))?;
            Ok(raw)
        };
        let raw = opened().map_err(|source| Error::Netlink { what: "a socket".to_owned(), source })?;
        Ok(Self { raw, sequence: 0 })
    }

    /// The one answer to a question.
    pub(crate) fn ask(
        &mut self,
        message: RouteNetlinkMessage,
        what: &str,
    ) -> Result<RouteNetlinkMessage, Error> {
        let mut answers = self.exchange(message, 0, what)?;
        answers.pop().ok_or_else(|| Error::Unreadable { what: what.to_owned() })
    }

    /// All answers to a question for a list. One that was interrupted, since the list changed meanwhile, is asked anew.
    pub(crate) fn dump(
        &mut self,
        message: &RouteNetlinkMessage,
        what: &str,
    ) -> Result<Vec<RouteNetlinkMessage>, Error> {
        for _ in 1..DUMPS_MAX {
            match self.exchange(message.clone(), NLM_F_DUMP, what) {
                Err(Error::Netlink { source, .. }) if source.kind() == io::ErrorKind::Interrupted => {}
                answer => return answer,
            }
        }
        self.exchange(message.clone(), NLM_F_DUMP, what)
    }

    fn exchange(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        what: &str,
    ) -> Result<Vec<RouteNetlinkMessage>, Error> {
        let failed = |source| Error::Netlink { what: what.to_owned(), source };
        let unreadable = || Error::Unreadable { what: what.to_owned() };
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        (header.flags, header.sequence_number) = (NLM_F_REQUEST | flags, self.sequence);
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.raw.send(&bytes, 0).map_err(failed)?;

        let mut answers = Vec::new();
        let mut is_interrupted = false;
        loop {
            let (datagram, _) = self.raw.recv_from_full().map_err(failed)?;
            let mut rest = datagram.as_slice();
            while !rest.is_empty() {
                let message =
                    NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest).map_err(|_| unreadable())?;
                let length = usize::try_from(message.header.length).map_err(|_| unreadable())?;
                // Messages begin at multiples of four bytes.
                let length = length.next_multiple_of(4).min(rest.len());
                rest = rest.get(length.max(1)..).unwrap_or_default();
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                is_interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
                if let NetlinkPayload::InnerMessage(inner) = message.payload {
                    answers.push(inner);
                } else if let NetlinkPayload::Error(error) = message.payload {
                    return if error.code.is_some() { Err(failed(error.to_io())) } else { Ok(answers) };
                } else if let NetlinkPayload::Done(_) = message.payload {
                    let interrupted = || failed(io::ErrorKind::Interrupted.into());
                    return if is_interrupted { Err(interrupted()) } else { Ok(answers) };
                }
                if flags & NLM_F_DUMP == 0 {
                    return Ok(answers);
                }
            }
        }
    }
}

/// The list has changed while it was told (`linux/netlink.h`).
const NLM_F_DUMP_INTR: u16 = 0x10;
