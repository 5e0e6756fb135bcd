//! The work queue: a service is never worked on twice at once, bursts become one pass, timers are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use llmisvc_core::facts::Ref;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::stores::lock;

/// How long an event waits for others of its burst.
const DEBOUNCE: Duration = Duration::from_millis(5);

/// Services that are due, now or later.
#[derive(Debug, Default)]
struct Pending {
    due: BTreeMap<Ref, Instant>,
    order: BTreeSet<(Instant, Ref)>,
    running: BTreeSet<Ref>,
    /// Due again while running.
    again: BTreeMap<Ref, Instant>,
}

impl Pending {
    fn add(&mut self, service: Ref, at: Instant) {
        if self.running.contains(&service) {
            let again = self.again.entry(service).or_insert(at);
            *again = at.min(*again);
            return;
        }
        match self.due.get(&service) {
            Some(earlier) if *earlier <= at => return,
            Some(later) => self.order.remove(&(*later, service.clone())),
            None => false,
        };
        self.due.insert(service.clone(), at);
        self.order.insert((at, service));
    }

    /// The next service that is due and how long it has been, or when one will be.
    fn take(&mut self, now: Instant) -> Result<(Ref, Duration), Option<Instant>> {
        let Some((at, service)) = self.order.first().cloned() else { return Err(None) };
        if at > now {
            return Err(Some(at));
        }
        self.order.remove(&(at, service.clone()));
        self.due.remove(&service);
        self.running.insert(service.clone());
        Ok((service, now.saturating_duration_since(at)))
    }

    fn done(&mut self, service: &Ref) {
        self.running.remove(service);
        if let Some(at) = self.again.remove(service) {
            self.add(service.clone(), at);
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Queue {
    pending: Mutex<Pending>,
    wake: Notify,
}

impl Queue {
    /// Something about the service changed.
    pub fn add(&self, service: Ref) {
        self.add_after(service, DEBOUNCE);
    }

    /// Something about these services changed.
    pub fn add_all(&self, services: BTreeSet<Ref>) {
        for service in services {
            self.add(service);
        }
    }

    /// The service is to be looked at after `delay`, or earlier if it is already due earlier.
    pub fn add_after(&self, service: Ref, delay: Duration) {
        lock(&self.pending).add(service, Instant::now() + delay);
        self.wake.notify_one();
    }

    /// How many services are due now; timers for later don't count.
    pub fn depth(&self) -> usize {
        let now = Instant::now();
        lock(&self.pending).order.iter().take_while(|(at, _)| *at <= now).count()
    }

    /// Whether a service will be looked at.
    #[cfg(test)]
    pub fn has(&self, service: &Ref) -> bool {
        lock(&self.pending).due.contains_key(service)
    }

    /// Nothing is due any more.
    #[cfg(test)]
    pub fn forget_all(&self) {
        *lock(&self.pending) = Pending::default();
    }

    async fn next(&self) -> (Ref, Duration) {
        loop {
            let wake = self.wake.notified();
            let next = lock(&self.pending).take(Instant::now());
            match next {
                Ok(due) => return due,
                Err(None) => wake.await,
                Err(Some(at)) => {
                    tokio::select! { () = wake => {}, () = tokio::time::sleep_until(at) => {} }
                }
            }
        }
    }

    fn done(&self, service: &Ref) {
        lock(&self.pending).done(service);
        self.wake.notify_one();
    }

    /// Works until `stop`, then lets the running passes finish. A pass is told how long it had to wait.
    ///
    /// # Guarantees
    ///
    /// At most `concurrency` passes run at once, and never two of one service. When this returns, none runs.
    pub async fn work<P, F>(self: Arc<Self>, concurrency: usize, stop: impl Future<Output = ()>, pass: P)
    where
        P: Fn(Ref, Duration) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut passes = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(_) = passes.join_next(), if !passes.is_empty() => {}
                (service, waited) = self.next(), if passes.len() < concurrency => {
                    let (queue, running) = (Arc::clone(&self), pass(service.clone(), waited));
                    passes.spawn(async move {
                        running.await;
                        queue.done(&service);
                    });
                }
            }
        }
        while passes.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::{Semaphore, oneshot};

    use super::*;

    fn m(name: &str) -> Ref {
        Ref::new("ns", name)
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_pass_and_an_earlier_time_wins() {
        let mut pending = Pending::default();
        let now = Instant::now();
        pending.add(m("a"), now + Duration::from_secs(9));
        pending.add(m("a"), now);
        pending.add(m("a"), now + Duration::from_secs(5));
        let later = now + Duration::from_secs(2);
        assert_eq!(pending.take(later), Ok((m("a"), Duration::from_secs(2))));
        assert_eq!(pending.take(later), Err(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_never_runs_twice_at_once_and_runs_again_after() {
        let mut pending = Pending::default();
        let now = Instant::now();
        pending.add(m("a"), now);
        assert_eq!(pending.take(now), Ok((m("a"), Duration::ZERO)));
        pending.add(m("a"), now);
        assert_eq!(pending.take(now), Err(None));
        pending.done(&m("a"));
        assert_eq!(pending.take(now), Ok((m("a"), Duration::ZERO)));
    }

    #[tokio::test(start_paused = true)]
    async fn different_services_run_at_once_up_to_the_limit() {
        let queue = Arc::new(Queue::default());
        for name in ["a", "b", "c"] {
            queue.add(m(name));
        }
        let (gate, started) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let (stop, stopped) = oneshot::channel::<()>();
        let work = tokio::spawn(Arc::clone(&queue).work(2, async { drop(stopped.await) }, {
            let (gate, started) = (Arc::clone(&gate), Arc::clone(&started));
            move |_, _| {
                let (gate, started) = (Arc::clone(&gate), Arc::clone(&started));
                async move {
                    started.fetch_add(1, Ordering::SeqCst);
                    drop(gate.acquire().await);
                }
            }
        }));
        tokio::time::advance(Duration::from_secs(1)).await;
        while started.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!((started.load(Ordering::SeqCst), queue.depth()), (2, 1));
        gate.add_permits(3);
        while started.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
        stop.send(()).unwrap();
        work.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_lets_the_running_pass_finish_and_starts_no_other() {
        let queue = Arc::new(Queue::default());
        queue.add(m("a"));
        let (gate, finished) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let (stop, stopped) = oneshot::channel::<()>();
        let (begun, mut starts) = tokio::sync::mpsc::unbounded_channel();
        let work = tokio::spawn(Arc::clone(&queue).work(1, async { drop(stopped.await) }, {
            let (gate, finished) = (Arc::clone(&gate), Arc::clone(&finished));
            move |_, _| {
                let (gate, finished, begun) = (Arc::clone(&gate), Arc::clone(&finished), begun.clone());
                async move {
                    begun.send(()).unwrap();
                    drop(gate.acquire().await);
                    finished.fetch_add(1, Ordering::SeqCst);
                }
            }
        }));
        starts.recv().await.unwrap();
        queue.add(m("b"));
        stop.send(()).unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!work.is_finished());
        gate.add_permits(1);
        work.await.unwrap();
        tokio::time::advance(DEBOUNCE).await;
        assert_eq!((finished.load(Ordering::SeqCst), queue.depth()), (1, 1));
    }
}
