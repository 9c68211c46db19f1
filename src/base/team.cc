#include "base/team.h"

#include <pthread.h>
#include <sched.h>

#include <chrono>
#include <string>

#include "base/check.h"

namespace sluice {
namespace {

// About how long a worker looks for the next job before it parks. A fork-join through a spinning
// worker takes 0.1 us, through a parked one 5 to 50 us.
constexpr auto kSpinTime = std::chrono::microseconds(50);
constexpr int kPausesPerLook = 64;

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Calls `done` until it is true; after kSpinTime `park` is called between looks.
template <typename Done, typename Park>
void spin_then(Done done, Park park) {
  const auto start = std::chrono::steady_clock::now();
  while (true) {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (done()) return;
      pause_cpu();
    }
    if (std::chrono::steady_clock::now() - start > kSpinTime) break;
  }
  while (!done()) park();
}

}  // namespace

Team::Team(int size) : size_(size) {
  CHECK(size >= 1 && size <= kTeamSizeMax);
  for (int worker = 1; worker < size; ++worker) {
    threads_.emplace_back([this, worker] { worker_loop(worker); });
  }
}

Team::~Team() {
  stopping_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::run_erased(Erased job, void* context) {
  if (size_ == 1) {
    job(context, 0);
    return;
  }
  job_ = job;
  context_ = context;
  arrived_.store(0, std::memory_order_relaxed);
  sense_.store(false, std::memory_order_relaxed);
  unfinished_.store(size_ - 1, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  job(context, 0);
  spin_then([this] { return unfinished_.load(std::memory_order_acquire) == 0; },
            [] { sched_yield(); });
}

void Team::barrier(bool& sense) {
  if (size_ == 1) return;
  sense = !sense;
  const bool mine = sense;
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == size_ - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    sense_.store(mine, std::memory_order_release);
    return;
  }
  spin_then([this, mine] { return sense_.load(std::memory_order_acquire) == mine; },
            [] { sched_yield(); });
}

void Team::worker_loop(int worker) {
  pthread_setname_np(pthread_self(), ("compute_" + std::to_string(worker)).c_str());
  // SCHED_BATCH: a waking io thread gets in at once.
  sched_param parameters{};
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameters);
  uint32_t seen = 0;
  while (true) {
    spin_then([&] { return generation_.load(std::memory_order_acquire) != seen; },
              [&] { generation_.wait(seen, std::memory_order_acquire); });
    seen = generation_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed)) return;
    job_(context_, worker);
    unfinished_.fetch_sub(1, std::memory_order_acq_rel);
  }
}

}  // namespace sluice
