#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "api/api.h"
#include "app/commands.h"
#include "app/late_generator.h"
#include "app/serve_options.h"
#include "app/served_model.h"
#include "app/version.h"
#include "base/log.h"
#include "base/machine.h"
#include "http/server.h"
#include "telemetry/telemetry.h"
#include "tools/catalogue.h"

namespace sluice::app {
namespace {

// Connections need descriptors; the soft limit is often 1,024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// The signals that this process answers, blocked in every thread so that only wait() sees them.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }

  int wait() const {
    int signal = 0;
    while (sigwait(&set_, &signal) != 0 || signal == SIGHUP) {
      if (signal == SIGHUP) log_info("SIGHUP: nothing to read again");
    }
    return signal;
  }

  // Waits until a second signal comes, `done` is true or the time is over; true for a signal.
  template <typename Done>
  bool wait_for(double seconds, Done done) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (!done() && std::chrono::steady_clock::now() < end) {
      timespec look{0, 20'000'000};
      const int signal = sigtimedwait(&set_, nullptr, &look);
      if (signal == SIGTERM || signal == SIGINT) return true;
    }
    return false;
  }

 private:
  sigset_t set_;
};

// Ends the process at the first signal while a model is being loaded: nothing has been admitted
// that would have to finish, and loading itself cannot be interrupted.
class LoadingWatch {
 public:
  LoadingWatch(const Signals& signals, http::Server& server)
      : thread_([&signals, &server](const std::stop_token& loaded) {
          constexpr double kForever = 1e9;
          if (!signals.wait_for(kForever, [&loaded] { return loaded.stop_requested(); })) return;
          log_info("stopped while loading");
          server.stop();
          server.join();
          std::_Exit(0);
        }) {}

 private:
  std::jthread thread_;  // its end is asked for and awaited with the watch's own
};

std::string curl_line(const std::string& url) {
  return "curl -N " + url +
         "/v1/chat/completions -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}], "
         "\"stream\": true}'";
}

LogLevel log_level_of(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  return name == "error" ? LogLevel::kError : LogLevel::kInfo;
}

// Serves until a signal says otherwise.
class ServeProcess {
 public:
  explicit ServeProcess(const ServeOptions& options)
      : options_(options),
        pool_(static_cast<size_t>(options.pool_threads)),
        telemetry_({options.metrics_prefix, std::string(kVersion), options.access_log, 1}) {}

  Status run(const Signals& signals) {
    context_.options.served_model_names = options_.served_model_names;
    context_.options.any_model_name = options_.any_model_name;
    context_.options.default_max_tokens = options_.default_max_tokens;
    context_.options.request_timeout_ns = static_cast<TimeNs>(options_.timeout_request_s * 1e9);
    context_.options.version = std::string(kVersion);
    context_.generator = &late_;
    context_.telemetry = &telemetry_;
    context_.pool = pool_.get_executor();
    http::Router router;
    api::add_routes(router, context_);
    http::Server server(options_.http_options(), std::move(router), &telemetry_);
    // The port comes first: one that is taken is known before a model has been loaded.
    TRY(server.listen());
    server.start();
    auto model = [&] {
      const LoadingWatch watch(signals, server);
      return load_served_model(options_, clock_);
    }();
    if (!model) {
      end_server(server);
      return std::unexpected(model.error());
    }
    late_.serve(*model->generator);
    announce(*model, server.url());
    const int signal = signals.wait();
    shut_down(signals, signal, server, *model->generator);
    end_server(server);
    model->generator->stop();
    return {};
  }

 private:
  // Bodies still being parsed on the pool belong to sessions, which die with the server.
  void end_server(http::Server& server) {
    server.stop();
    server.join();
    pool_.join();
  }

  void announce(const ServedModel& model, const std::string& url) const {
    if (!model.memory_report.empty()) std::printf("memory: %s\n", model.memory_report.c_str());
    std::printf("sluice is serving %s on %s\n  %s\n", model.name.c_str(), url.c_str(),
                curl_line(url).c_str());
    std::fflush(stdout);
  }

  // SIGTERM drains: readiness turns bad while requests are still taken, then new ones are refused
  // and the running ones finish. SIGINT skips the grace. A second signal ends at once.
  void shut_down(const Signals& signals, int signal, http::Server& server,
                 engine::LocalGenerator& generator) {
    context_.draining.store(true);
    const auto idle = [&generator] {
      const contract::Load load = generator.load();
      return load.running == 0 && load.waiting == 0;
    };
    if (signal == SIGTERM) {
      log_info("SIGTERM: draining");
      if (signals.wait_for(options_.drain_grace_s, [] { return false; })) return;
    }
    generator.drain();
    server.drain();
    if (signals.wait_for(options_.drain_timeout_s, idle)) return;
    if (!idle()) log_warning("drain: out of time, ending the streams that still run");
    generator.stop();
    // What the streams were told last is on its way; connections close when it has been sent.
    constexpr double kFlushSeconds = 2;
    signals.wait_for(kFlushSeconds, [&server] { return server.open_connections() == 0; });
  }

  const ServeOptions& options_;
  SteadyClock clock_;
  LateGenerator late_;
  boost::asio::thread_pool pool_;
  telemetry::Telemetry telemetry_;
  api::ApiContext context_;
};

}  // namespace

int run_serve(const Arguments& arguments, const Environment& environment) {
  ServeOptions options;
  options.model = tools::kDefaultModel;
  options.models_dir = default_models_directory(environment);
  options.threads = std::min(usable_cores(), kTeamSizeMax);
  options.pool_threads = std::min(4, usable_cores());
  const OptionTable table = options.table();
  auto line = parse_command_line(table, arguments, environment, 1);
  if (!line) return report(line.error());
  if (line->positionals.size() == 1) options.model = line->positionals[0];
  if (answered(*line, table,
               {"sluice serve [--model NAME|FILE.gguf] [options]",
                "Serves a model over HTTP: the OpenAI API and the classic "
                "/generate and /stream.",
                "`sluice pull NAME` fetches a model, `sluice models` lists them."}))
    return 0;
  set_log_level(log_level_of(options.log_level));
  const Signals signals;
  raise_descriptor_limit();
  const Status status = ServeProcess(options).run(signals);
  return status ? 0 : report(status.error());
}

}  // namespace sluice::app
