//! Attachments: which NIC of an owner a record is attached to.

use ipam_core::{Addr, Attachment, AttachmentOp, Nic, Owner, PoolName, Record, Version};
use rusqlite::params;

use crate::answer::{Found, attachments_version};
use crate::error::{Error, Inner};
use crate::rows::Octets;
use crate::session::Tx;

impl Tx<'_> {
    pub(crate) fn change_attachments(self, owner: &Owner, ops: &[AttachmentOp]) -> Inner<Version> {
        for op in ops {
            match op {
                AttachmentOp::Clear => self.detach(owner, |_, _| true)?,
                AttachmentOp::Remove(nic) => self.detach(owner, |_, attached| attached == nic)?,
                // A record that the owner still holds, in whatever incarnation, keeps its NIC: what was to be released with this
                // was not. Where it was, its NIC went with it.
                AttachmentOp::Forget(_) => {}
                AttachmentOp::Set(attachment) => self.attach(owner, attachment)?,
                _ => return Err(Error::Unsupported { what: "operation on attachments" }.into()),
            }
        }
        if ops.iter().any(|op| matches!(op, AttachmentOp::Set(_))) {
            self.bind(owner)?;
        }
        Ok(attachments_version(&self.records_of(owner)?))
    }

    fn detach(self, owner: &Owner, is_meant: impl Fn(&Record, &Nic) -> bool) -> Inner<()> {
        for (_, Found { stored, subnet, .. }) in self.records_of(owner)? {
            if stored.nic.as_ref().is_some_and(|nic| is_meant(&stored.record, nic)) {
                self.set_nic(subnet, stored.record.address, None)?;
            }
        }
        Ok(())
    }

    fn attach(self, owner: &Owner, attachment: &Attachment) -> Inner<()> {
        let found = self.records_of(owner)?;
        let wanted = |pool: &PoolName, address| {
            attachment
                .assignments
                .iter()
                .any(|assignment| assignment.pool == *pool && assignment.address == address)
        };
        for assignment in &attachment.assignments {
            let held = found.iter().any(|(pool, found)| {
                *pool == assignment.pool && found.stored.record.address == assignment.address
            });
            if !held {
                return Err(Error::NotHeld {
                    owner: Box::new(owner.clone()),
                    assignment: Box::new(assignment.clone()),
                }
                .into());
            }
        }
        for (pool, Found { stored, subnet, .. }) in &found {
            let address = stored.record.address;
            let has = stored.nic.as_ref() == Some(&attachment.nic);
            match (has, wanted(pool, address)) {
                (false, true) => self.set_nic(*subnet, address, Some(&attachment.nic))?,
                (true, false) => self.set_nic(*subnet, address, None)?,
                (true, true) | (false, false) => {}
            }
        }
        Ok(())
    }

    pub(crate) fn set_nic(self, subnet: i64, address: Addr, nic: Option<&Nic>) -> Inner<()> {
        self.0.execute(
            "UPDATE record SET nic = ?3, bound = NULL WHERE subnet = ?1 AND address = ?2",
            params![subnet, Octets(address), nic.map(Nic::as_str)],
        )?;
        Ok(())
    }

    /// Has all attachments of an identity belong to this incarnation.
    fn bind(self, owner: &Owner) -> Inner<()> {
        for (_, Found { stored, subnet, .. }) in self.records_of(owner)? {
            if stored.nic.is_none() {
                continue;
            }
            let own = stored.record.owner.uid() == owner.uid();
            let bound = (!own).then(|| owner.uid().to_owned());
            if stored.bound != bound {
                self.0.execute(
                    "UPDATE record SET bound = ?3 WHERE subnet = ?1 AND address = ?2",
                    params![subnet, Octets(stored.record.address), bound],
                )?;
            }
        }
        Ok(())
    }
}
