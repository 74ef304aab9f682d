//! Our answer beside the recorded one, or beside the mended one.

use ipam_core::admission::Denial;

use super::case::Case;
use super::mended::Mended;
use super::replay::Answer;

/// The verdict, the class, the stored object; of a refusal the original's faults come first, in its words.
pub(super) fn with_recorded(case: &Case, answer: &Answer) -> Result<(), String> {
    match answer {
        Answer::NotAsked(_) => Ok(()),
        Answer::Undecodable if case.code == 400 => Ok(()),
        Answer::Undecodable => Err("the object does not decode".to_owned()),
        Answer::Allowed { spec, metadata } => {
            same("allowed", &case.allowed, &true)?;
            let Some(stored) = case.stored.as_ref().filter(|_| case.operation != "delete") else {
                return Ok(());
            };
            same("spec", &stored.spec, spec)?;
            // A write that took the last finalizer away leaves nothing whose metadata could be compared.
            if case.gone { Ok(()) } else { same("metadata", &stored.metadata(), metadata) }
        }
        Answer::Refused(refusal) => refused_as_recorded(case, refusal),
    }
}

fn refused_as_recorded(case: &Case, refusal: &Denial) -> Result<(), String> {
    same("allowed", &case.allowed, &false)?;
    same("code", &case.code, &refusal.http_status())?;
    same("reason", &case.reason.as_deref(), &Some(refusal.reason()))?;
    let faults: Vec<_> = refusal.faults().collect();
    if case.causes.is_empty() || faults.is_empty() {
        // Words that the API server found itself are its own.
        return case.webhook_message().map_or(Ok(()), |words| starts_with(&refusal.to_string(), words));
    }
    for (index, cause) in case.causes.iter().enumerate() {
        let fault = faults.get(index).ok_or_else(|| format!("no fault for {cause:?}"))?;
        same("field", &cause.field.as_str(), &fault.field())?;
        same("reason of the fault", &cause.reason.as_str(), &fault.kind().reason())?;
        let body = fault.body();
        let (ours, theirs) = comparable(&body, &cause.message);
        starts_with(ours, theirs)?;
    }
    Ok(())
}

/// Values printed as Go structs are no contract, nor are the words of Go's JSON reader.
fn comparable<'a>(ours: &'a str, theirs: &'a str) -> (&'a str, &'a str) {
    if theirs.contains("v1.LabelSelector{") {
        let tail = theirs.rsplit("}: ").next().unwrap_or_default();
        let from = ours.find(tail).and_then(|at| ours.get(at..));
        return (from.unwrap_or(ours), tail);
    }
    let reader =
        theirs.split_once(": invalid character").or_else(|| theirs.split_once(": unexpected end of JSON"));
    (ours, reader.map_or(theirs, |(head, _)| head))
}

/// All faults in order, or the object as it is stored.
pub(super) fn with_mended(mended: &Mended, answer: &Answer) -> Result<(), String> {
    match answer {
        Answer::NotAsked(reason) => Err((*reason).to_owned()),
        Answer::Undecodable => Err("the object does not decode".to_owned()),
        Answer::Allowed { spec, metadata } => {
            same("allowed", &mended.allowed, &true)?;
            same("spec", &mended.spec, spec)?;
            mended.labels.as_ref().map_or(Ok(()), |labels| same("labels", labels, &metadata.labels))
        }
        Answer::Refused(refusal) => {
            same("allowed", &mended.allowed, &false)?;
            let faults: Vec<_> = refusal.faults().collect();
            same("number of faults", &mended.faults.len(), &faults.len())?;
            for (want, fault) in mended.faults.iter().zip(faults) {
                same("field", &want.field.as_str(), &fault.field())?;
                same("reason", &want.reason.as_str(), &fault.kind().reason())?;
                same("value", &want.value.as_deref(), &fault.value())?;
                starts_with(fault.detail(), &want.detail)?;
            }
            Ok(())
        }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, want: &T, got: &T) -> Result<(), String> {
    if want == got { Ok(()) } else { Err(format!("{what}: want {want:?}, got {got:?}")) }
}

fn starts_with(text: &str, head: &str) -> Result<(), String> {
    if text.starts_with(head) { Ok(()) } else { Err(format!("text: want {head:?}…, got {text:?}")) }
}
