//! The service in virtual time: what becomes of its requests under the conditions in
//! force, as the real one would have it, without waiting for it. Places, queue, deadline,
//! cache, pool, pauses and retries are those of the service; what a request draws is drawn
//! by the same code.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use simulation::{Conditions, PoissonArrivals, Stream, Streams};

/// The service's defaults: places, places of the queue, and the deadline in seconds.
const PLACES: usize = 256;
const QUEUE: usize = 256;
const DEADLINE: f64 = 30.0;

/// Counters, as they would be scraped.
#[derive(Clone, Default)]
pub(super) struct Totals {
    pub(super) arrived: f64,
    pub(super) ended: f64,
    pub(super) good: f64,
    pub(super) failed: f64,
    pub(super) panicked: f64,
    /// Shed, timed out, or left by an impatient client.
    pub(super) given_up: f64,
    /// Longer than 0.5, 1 and 2.5 s.
    pub(super) over: [f64; 3],
    /// The sum of the durations.
    pub(super) seconds: f64,
    /// The integral of the requests in flight over time.
    pub(super) in_flight: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival { generation: u64 },
    Delayed(usize),
    Fetched(usize),
    Called(usize),
    GivenUp(usize),
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Queued,
    Working,
    WaitsForPool,
    Calls,
    Ended,
}

struct Request {
    arrived: f64,
    stage: Stage,
    attempts_left: u32,
    call: f64,
    fails: bool,
    panics: bool,
}

/// Times in whole microseconds, so that they have an order.
type At = u64;

fn at(seconds: f64) -> At {
    (seconds * 1e6) as At
}

pub(super) struct Replay {
    conditions: Conditions,
    streams: Streams,
    arrivals: PoissonArrivals<Stream>,
    generation: u64,
    /// When the conditions came into force.
    since: f64,
    now: f64,
    events: BinaryHeap<Reverse<(At, Event)>>,
    requests: Vec<Request>,
    places_taken: usize,
    queue: VecDeque<usize>,
    pool_taken: usize,
    pool_queue: VecDeque<usize>,
    filled: f64,
    drawn: u64,
    totals: Totals,
}

impl Replay {
    pub(super) fn new(
        conditions: Conditions,
        streams: Streams,
        arrivals: PoissonArrivals<Stream>,
    ) -> Self {
        let mut replay = Self {
            conditions,
            streams,
            arrivals,
            generation: 0,
            since: 0.0,
            now: 0.0,
            events: BinaryHeap::new(),
            requests: Vec::new(),
            places_taken: 0,
            queue: VecDeque::new(),
            pool_taken: 0,
            pool_queue: VecDeque::new(),
            filled: 0.0,
            drawn: 0,
            totals: Totals::default(),
        };
        replay.next_arrival();
        replay
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals.clone()
    }

    /// These conditions hold from now on.
    pub(super) fn change(&mut self, conditions: Conditions) {
        self.conditions = conditions;
        self.since = self.now;
        self.filled = self.now;
        self.generation += 1;
        self.next_arrival();
    }

    /// Goes on until so many seconds from the beginning.
    pub(super) fn until(&mut self, end: f64) {
        while let Some(Reverse((time, event))) = self.events.peek().copied() {
            if time > at(end) {
                break;
            }
            self.events.pop();
            let time = time as f64 / 1e6;
            // Nothing happens while the process stands still; then all of it does.
            let pause_ends = self.pause_ends(time);
            if pause_ends > time {
                self.events.push(Reverse((at(pause_ends) + 1, event)));
                continue;
            }
            self.pass(time);
            self.happen(event);
        }
        self.pass(end);
    }

    fn pause_ends(&self, time: f64) -> f64 {
        let Some(pauses) = self.conditions.pauses else {
            return time;
        };
        let (every, length) = (pauses.every.as_secs_f64(), pauses.length.as_secs_f64());
        let into = (time - self.since) % every;
        // The first begins when one period is over.
        if time - self.since >= every && into < length {
            time - into + length
        } else {
            time
        }
    }

    fn pass(&mut self, time: f64) {
        let in_flight = (self.places_taken + self.queue.len()) as f64;
        self.totals.in_flight += in_flight * (time - self.now).max(0.0);
        self.now = self.now.max(time);
    }

    fn after(&mut self, seconds: f64, event: Event) {
        self.events.push(Reverse((at(self.now + seconds), event)));
    }

    fn next_arrival(&mut self) {
        let age = std::time::Duration::from_secs_f64(self.now - self.since);
        let in_force = self.generation > 0;
        let rate = if in_force {
            self.conditions.traffic_after(age)
        } else {
            self.conditions.traffic
        };
        if let Some(gap) = self.arrivals.next_gap(rate) {
            let generation = self.generation;
            self.after(gap.as_secs_f64(), Event::Arrival { generation });
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrival { generation } if generation == self.generation => {
                self.next_arrival();
                let retries = self.conditions.retries;
                self.arrive(retries.map_or(0, |retries| retries.attempts));
            }
            Event::Delayed(id) if self.is(id, Stage::Working) => {
                let cache = self.conditions.cache;
                let expired =
                    cache.filter(|cache| self.now - self.filled >= cache.lives.as_secs_f64());
                match expired {
                    Some(cache) => self.after(cache.fetch.as_secs_f64(), Event::Fetched(id)),
                    None => self.call(id),
                }
            }
            Event::Fetched(id) if self.is(id, Stage::Working) => {
                let lives = self.conditions.cache.map(|cache| cache.lives);
                if lives.is_some_and(|lives| self.now - self.filled >= lives.as_secs_f64()) {
                    self.filled = self.now;
                }
                self.call(id);
            }
            Event::Called(id) if self.is(id, Stage::Calls) => self.end(id),
            Event::GivenUp(id) if !self.is(id, Stage::Ended) => {
                self.totals.given_up += 1.0;
                self.requests[id].fails = true;
                self.end(id);
            }
            _ => {}
        }
    }

    fn is(&self, id: usize, stage: Stage) -> bool {
        self.requests[id].stage == stage
    }

    fn arrive(&mut self, attempts_left: u32) {
        self.totals.arrived += 1.0;
        let id = self.requests.len();
        let mut stream = self.streams.stream(self.drawn);
        self.drawn += 1;
        let outcome = self.conditions.faults.draw(&mut stream);
        let panics = self.conditions.panic_rate.happens(&mut stream);
        let call = self.conditions.dependency.as_ref();
        let call = call.map_or(0.0, |of| of.takes.sample(&mut stream).as_secs_f64());
        self.requests.push(Request {
            arrived: self.now,
            stage: Stage::Queued,
            attempts_left,
            call,
            fails: outcome.result.is_err(),
            panics,
        });
        let patience = self.conditions.retries.map(|of| of.patience.as_secs_f64());
        let given_up = patience.unwrap_or(DEADLINE).min(DEADLINE);
        if self.places_taken < self.conditions.concurrency.unwrap_or(PLACES) {
            self.after(given_up, Event::GivenUp(id));
            self.work(id, outcome.delay.as_secs_f64());
        } else if self.queue.len() < QUEUE {
            self.after(given_up, Event::GivenUp(id));
            self.queue.push_back(id);
        } else {
            self.totals.given_up += 1.0;
            self.requests[id].fails = true;
            self.ended(id);
        }
    }

    fn work(&mut self, id: usize, delay: f64) {
        self.places_taken += 1;
        self.requests[id].stage = Stage::Working;
        self.after(delay, Event::Delayed(id));
    }

    fn call(&mut self, id: usize) {
        let Some(dependency) = &self.conditions.dependency else {
            return self.end(id);
        };
        if self.pool_taken < dependency.places {
            self.pool_taken += 1;
            self.requests[id].stage = Stage::Calls;
            self.after(self.requests[id].call, Event::Called(id));
        } else {
            self.requests[id].stage = Stage::WaitsForPool;
            self.pool_queue.push_back(id);
        }
    }

    /// Its places are the next one's.
    fn end(&mut self, id: usize) {
        match self.requests[id].stage {
            Stage::Queued => self.queue.retain(|queued| *queued != id),
            Stage::Calls => {
                self.pool_taken -= 1;
                if let Some(next) = self.pool_queue.pop_front() {
                    self.call(next);
                }
            }
            Stage::WaitsForPool => self.pool_queue.retain(|queued| *queued != id),
            Stage::Working | Stage::Ended => {}
        }
        let had_a_place = !self.is(id, Stage::Queued);
        self.ended(id);
        if had_a_place {
            self.places_taken -= 1;
            while self.places_taken < self.conditions.concurrency.unwrap_or(PLACES)
                && let Some(next) = self.queue.pop_front()
            {
                let mut stream = self.streams.stream(u64::MAX / 2 + self.drawn);
                self.drawn += 1;
                let delay = self.conditions.faults.delay.sample(&mut stream);
                self.work(next, delay.as_secs_f64());
            }
        }
    }

    fn ended(&mut self, id: usize) {
        let request = &mut self.requests[id];
        request.stage = Stage::Ended;
        let seconds = self.now - request.arrived;
        let totals = &mut self.totals;
        totals.ended += 1.0;
        totals.seconds += seconds;
        for (over, bound) in totals.over.iter_mut().zip([0.5, 1.0, 2.5]) {
            *over += f64::from(u8::from(seconds > bound));
        }
        totals.panicked += f64::from(u8::from(request.panics));
        let failed = request.fails || request.panics;
        totals.failed += f64::from(u8::from(failed));
        totals.good += f64::from(u8::from(!failed));
        if failed && request.attempts_left > 0 {
            let left = request.attempts_left - 1;
            self.arrive(left);
        }
    }
}
