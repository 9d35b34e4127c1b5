//! By a job, which all that a tool starts belongs to. There is no asking to end: what belongs to it ends at once. What the tool starts in
//! the moment before it is put into its job does not belong to it.

use super::Left;
use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use tokio::process::{Child, Command};
use win32job::{ExtendedLimitInfo, Job};

#[derive(Debug)]
pub struct Family {
    /// Until it is ended: its processes end with it, and it with this process, however that ends.
    job: Mutex<Option<Job>>,
}

impl Family {
    pub fn start(command: &mut Command) -> io::Result<(Child, Family)> {
        let job = Job::create_with_limit_info(ExtendedLimitInfo::new().limit_kill_on_job_close());
        let job = job.map_err(io::Error::other)?;
        let mut child = command.spawn()?;
        let joined = child.raw_handle().map_or(Ok(()), |process| job.assign_process(process as isize));
        match joined {
            // One that has ended already belongs to no job, and needs none.
            Err(error) if child.try_wait()?.is_none() => {
                child.start_kill()?;
                Err(io::Error::other(format!("what it starts could not be ended with it: {error}")))
            }
            Ok(()) | Err(_) => Ok((child, Family { job: Mutex::new(Some(job)) })),
        }
    }

    pub async fn end(&self) {
        self.close();
    }

    /// Once the tool has ended: nothing says what it left on purpose, so all of it ends.
    pub async fn hang_up(&self) -> Left {
        self.close();
        Left::Nothing
    }

    pub fn is_gone(&self) -> bool {
        let job = self.job.lock().unwrap_or_else(PoisonError::into_inner);
        job.as_ref().is_none_or(|job| job.query_process_id_list().is_ok_and(|left| left.is_empty()))
    }

    /// Nobody can tell who reads.
    pub fn reads(&self, _terminal: &Path) -> bool {
        false
    }

    fn close(&self) {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The system does so itself: each job ends with this process.
pub fn kill_all() {}

/// There are none.
pub fn signal_of(_status: ExitStatus) -> Option<String> {
    None
}
