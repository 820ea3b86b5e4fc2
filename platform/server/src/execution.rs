//! The end of an execution, as its device reports it with its results.

use fitment_domain::device::Device;
use fitment_domain::execution::{self, Event, Step};
use fitment_domain::id::{ReleaseId, RequestId};
use fitment_domain::protocol::{Outcome, RunResult};
use fitment_domain::time::UnixMs;
use fitment_store::{ExecutionRow, RequestRow, StoreError, Tx};

/// What a device reports about an execution of its own.
pub struct Reported<'a> {
    request: RequestRow,
    execution: ExecutionRow,
    result: &'a RunResult,
}

/// Finds the execution that a result is about. Says why the result will never be taken, if it is about none of this device.
pub async fn find<'a>(
    tx: &mut Tx,
    device: &Device,
    result: &'a RunResult,
) -> Result<Result<Reported<'a>, String>, StoreError> {
    let none = "outcome.execution.transaction: no such transaction of this device";
    let Outcome::Execution { transaction, .. } = &result.outcome else { return Ok(Err(none.to_owned())) };
    let Some(execution) = tx.execution(transaction, &device.id).await? else { return Ok(Err(none.to_owned())) };
    let Some(request) = tx.request(&execution.request).await? else { return Ok(Err(none.to_owned())) };
    if request.installation != result.installation {
        return Ok(Err("installation: the transaction is of another installation".to_owned()));
    }
    Ok(Ok(Reported { request, execution, result }))
}

impl Reported<'_> {
    /// Writes how the execution ended, and returns whose it was. What the device said before stays.
    pub async fn take(self, tx: &mut Tx, received: UnixMs) -> Result<(RequestId, ReleaseId), StoreError> {
        let Self { request, mut execution, result } = self;
        let whose = (request.id.clone(), request.release.clone());
        let Outcome::Execution { ending, saved_s, .. } = &result.outcome else { return Ok(whose) };
        let standing = execution.at(&request, received);
        if let Ok(Step::To(next)) = execution::step(standing, Event::End(ending.ended())) {
            execution.state = next;
            execution.ended = Some(received);
            execution.ending = Some(ending.clone());
            execution.usage = Some(result.usage.clone());
            execution.log = result.log.clone();
            execution.saved_s = *saved_s;
            tx.put_execution(&execution).await?;
        }
        Ok(whose)
    }
}
