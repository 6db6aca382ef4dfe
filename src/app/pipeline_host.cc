#include "app/pipeline_host.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "app/connectors.h"
#include "app/data_directory.h"
#include "app/status_line.h"
#include "model/nearest_name.h"

namespace leat::app {
namespace {

/// What was acknowledged is safe anyway; a stop that takes longer than this ends all the same.
constexpr std::chrono::milliseconds stop_time_max{20'000};
constexpr std::chrono::milliseconds server_stop_time_max{2'000};

Result<pipeline::Graph> graph_of(const std::vector<pipeline::SourceText>& texts) {
  const auto analyser = LEAT_TRY(sql::Analyser::open());
  pipeline::Checked checked =
      pipeline::check_texts(texts, registry(), *analyser, pipeline::Environment::of_process());
  if (checked.graph) return std::move(*checked.graph);
  std::string faults;
  for (const pipeline::Diagnostic& diagnostic : checked.diagnostics) {
    if (diagnostic.severity != pipeline::Severity::error) continue;
    faults += pipeline::to_text(diagnostic) + "\n";
  }
  return user_error("pipeline-invalid", "{}nothing was changed: {}; mend the places above", faults,
                    pipeline::summary(checked.diagnostics));
}

Status check_view(const pipeline::Graph& graph, const std::string& name) {
  std::vector<std::string_view> names;
  for (const pipeline::ViewNode& view : graph.views) {
    if (view.name == name && view.kept()) return {};
    if (view.name == name) {
      return user_error("rows-not-kept",
                        "the rows of the view `{}` are not kept (keep: false), so that nothing of "
                        "it could be computed anew; replay a view over it, or remove keep: false",
                        name);
    }
    names.push_back(view.name);
  }
  return user_error("unknown-name", "there is no view `{}`{}", name, did_you_mean(name, names));
}

}  // namespace

PipelineHost::PipelineHost(Setup setup) : setup_(std::move(setup)) {}

PipelineHost::~PipelineHost() {
  if (listener_ >= 0) ::close(listener_);
}

Result<std::unique_ptr<runtime::Engine>> PipelineHost::open(const Change& change) const {
  runtime::Options options = setup_.engine;
  options.stop = setup_.stop;
  options.replay = change.replay;
  options.rebuild = change.rebuild;
  return runtime::Engine::open(change.next.graph, connectors(), std::move(options));
}

Status PipelineHost::run(Pipeline pipeline) {
  pipeline_ = std::move(pipeline);
  auto opened = open({.next = pipeline_, .replay = {}, .rebuild = setup_.engine.rebuild});
  // It was asked to end while it computed views anew: the next start goes on with that.
  if (!opened && opened.error().code == "stopping" && setup_.stop.stop_requested()) return {};
  engine_ = LEAT_TRY(std::move(opened));
  return serve();
}

/// Turn by turn, with one pipeline each.
Status PipelineHost::serve() {
  while (true) {
    LEAT_TRY(serve_once());
    const bool swaps = [&] {
      std::lock_guard lock(mutex_);
      return change_ && change_->ready && !setup_.stop.stop_requested();
    }();
    if (!swaps) return {};
    LEAT_TRY(swap());
    if (!engine_) return {};  // asked to end while views were computed anew
  }
}

Status PipelineHost::serve_once() {
  LEAT_TRY(note_pipeline(setup_.engine.data_directory, pipeline_.texts));
  server::ServerOptions options = setup_.server;
  options.changer = this;
  options.listening_socket = std::exchange(listener_, -1);
  const auto server = LEAT_TRY(server::Server::start(*engine_, options));
  LEAT_TRY(note_address(setup_.engine.data_directory, server->url()));
  LEAT_TRY(engine_->start());
  std::stop_token turn;
  {
    std::lock_guard lock(mutex_);
    turn_ = std::stop_source();
    turn = turn_.get_token();
    changeable_ = true;
  }
  const std::stop_callback end_turn(setup_.stop, [this] {
    std::lock_guard lock(mutex_);
    turn_.request_stop();
  });
  settle_change({});
  Status status;
  {
    StatusLine line(*engine_, server->url(), setup_.quiet);
    status = engine_->wait(turn);
  }
  end_change();
  listener_ = server->duplicate_listener();
  server->stop(server_stop_time_max);
  if (status) status = engine_->stop(stop_time_max);
  return status;
}

/// Where the new pipeline can't begin, the old one takes its place again.
Status PipelineHost::swap() {
  engine_.reset();  // before another is opened on its data directory
  auto opened = open(*change_);
  if (opened) {
    engine_ = std::move(*opened);
    pipeline_ = std::move(change_->next);
    return {};
  }
  if (setup_.stop.stop_requested() && opened.error().code == "stopping") return {};
  spdlog::error("the change was given up: {}", opened.error().message);
  settle_change(std::unexpected(opened.error()));
  engine_ = LEAT_TRY(open({.next = pipeline_, .replay = {}}));
  return {};
}

Result<server::PipelineChanger::Begun> PipelineHost::apply(std::vector<pipeline::SourceText> files,
                                                           bool rebuild) {
  pipeline::Graph graph = LEAT_TRY(graph_of(files));
  return begin({.next = {.graph = std::move(graph), .texts = std::move(files)},
                .replay = {},
                .rebuild = rebuild});
}

Result<server::PipelineChanger::Begun> PipelineHost::replay(const runtime::Replay& replay,
                                                            bool rebuild) {
  LEAT_TRY(check_view(pipeline_.graph, replay.view));
  return begin({.next = pipeline_, .replay = replay, .rebuild = rebuild});
}

Result<server::PipelineChanger::Begun> PipelineHost::begin(Change change) {
  std::lock_guard lock(mutex_);
  if (change_ || !changeable_) {
    return user_error("change-under-way",
                      "another change is under way; wait until it is done (GET "
                      "/v1/pipeline/change)");
  }
  const runtime::CommittedPipeline before = runtime::committed_pipeline(*engine_);
  const pipeline::Graph& graph = change.next.graph;
  Begun begun;
  if (change.replay) {
    begun.plan =
        LEAT_TRY(runtime::plan_for(before, graph, connectors(), *change.replay, engine_->topics()));
  } else {
    begun.plan = runtime::plan_for(before, graph, connectors());
  }
  if (!begun.plan.changes()) return begun;
  if (!begun.plan.hindrances.empty() && !change.rebuild) {
    return user_error("pipeline-changed", "{}; ask for --rebuild to do it all the same",
                      fmt::join(begun.plan.hindrances, ", "));
  }
  change_ = std::move(change);
  progress_ = {.number = progress_.number + 1, .state = "computing", .computed = 0, .failure = {}};
  begun.number = progress_.number;
  preparer_ = std::jthread([this](const std::stop_token& stop) { prepare(stop); });
  return begun;
}

/// What has to be rebuilt although rows of it are written somewhere is not computed beside: its
/// sinks are not to be touched while the old pipeline writes to them.
void PipelineHost::prepare(const std::stop_token& stop) {
  runtime::Engine::Successor successor{.graph = change_->next.graph,
                                       .replay = change_->replay,
                                       .rebuild = change_->rebuild,
                                       .progress =
                                           [this](double computed) {
                                             std::lock_guard lock(mutex_);
                                             progress_.computed = computed;
                                           },
                                       .stop = stop};
  const Status prepared = engine_->prepare(successor);
  if (!prepared) return settle_change(prepared);
  std::lock_guard lock(mutex_);
  progress_.state = "swapping";
  change_->ready = true;
  turn_.request_stop();
}

server::PipelineChanger::Progress PipelineHost::progress() const {
  std::lock_guard lock(mutex_);
  return progress_;
}

/// The change is over, one way or the other. Nothing where there was none.
void PipelineHost::settle_change(const Status& outcome) {
  std::lock_guard lock(mutex_);
  if (!change_) return;
  change_.reset();
  progress_.state = outcome ? "done" : "failed";
  if (!outcome) progress_.failure = outcome.error();
}

/// Before the engine ends: nothing is computed beside it any more.
void PipelineHost::end_change() {
  {
    std::lock_guard lock(mutex_);
    changeable_ = false;
  }
  preparer_.request_stop();
  if (preparer_.joinable()) preparer_.join();
}

}  // namespace leat::app
