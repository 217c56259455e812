#include "sim/havend.hpp"

#include <algorithm>
#include <utility>

#include "sim/twin.hpp"

namespace haven::sim {

Havend::Havend(Queue& queue, Random& random, Timeline& timeline, Machine& machine, EngineRoom& engine, const Host& host,
               Callbacks callbacks)
    : queue_(queue),
      random_(random),
      timeline_(timeline),
      machine_(machine),
      engine_(engine),
      cpu_(host.cpu),
      memory_(host.memory),
      callbacks_(std::move(callbacks)) {}

void Havend::start() {
  if (alive() || !machine_.on() || machine_.shutting_down()) return;
  NodeConfig config;
  config.host = machine_.name();
  config.incarnation = machine_.incarnation();
  config.machine = machine_.identity();
  config.cpu = cpu_;
  config.memory = memory_;
  config.released = machine_.notes;
  config.promise = machine_.promise_note;
  config.seed = random_.next();
  const std::uint64_t seed = config.seed;
  ++life_;
  if (with_twins) {
    NodeConfig full = config;
    full.derives_everything = true;
    twin_ = std::make_unique<Node>(std::move(full));
  }
  node_ = std::make_unique<Node>(std::move(config));
  rounds_.emplace(seed);
  known_spec_.reset();
  wake_armed_ = rounds_armed_ = kNever;
  listed_ = lost_ = must_list_ = pump_armed_ = false;
  reached_ = in_reach();
  later(kMessage, [this] { tell(Tick{}); });
  pump_soon();
  callbacks_.came_or_went();
  callbacks_.health_changed();
}

void Havend::end() {
  if (!alive()) return;
  ++life_;
  actions_left_.reset();
  node_.reset();
  twin_.reset();
  agents_.clear();
  machine_.watchdog_alone();
  callbacks_.came_or_went();
  callbacks_.health_changed();
}

void Havend::crash() {
  end();
  machine_.after(kHavendBack, [this] { start(); });
}

// The node, and beside it in some tests the same node that trusts no mark; once they differ, there is no comparing.
std::vector<Issued> Havend::step(const Event& event) {
  const Now now = machine_.clock();
  auto issued = node_->step(event, now);
  if (!twin_) return issued;
  std::string words = difference(issued, twin_->step(event, now));
  if (words.empty() && node_->wake_at() > twin_->wake_at())
    words = "a deadline was not marked: " + std::to_string(twin_->wake_at().since_boot.count() / 1'000'000) + " ms";
  if (words.empty()) return issued;
  twin_.reset();
  callbacks_.differs(machine_.name().str() + ", " + words);
  return issued;
}

void Havend::tell(const Event& event) {
  if (!alive()) return;
  perform(step(event));
  if (alive()) know_checks();
}

void Havend::perform(std::vector<Issued> issued) {
  const auto life = life_;
  for (Issued& one : issued) {
    std::visit([&](auto& action) { perform_one(one.call, action); }, one.action);
    if (life != life_) return;
    if (actions_left_ && (*actions_left_)-- == 0) return crash();
  }
  check_agents();
  arm_wake();
}

// F7: a controller that knows itself deposed has no agent left that it did not kill.
void Havend::check_agents() {
  if (!alive() || node_->leads()) return;
  const bool left = std::ranges::any_of(agents_, [](const auto& agent) { return !agent.second.killed; });
  if (left) callbacks_.breach("F7", machine_.name().str() + " is deposed, and its fence agent goes on");
}

void Havend::arm_wake() {
  if (!alive()) return;
  const Instant wake = machine_.to_world(node_->wake_at());
  if (wake == kNever || wake >= wake_armed_) return;
  wake_armed_ = std::max(wake, queue_.now());
  later(wake_armed_ - queue_.now(), [this, at = wake_armed_] {
    if (at != wake_armed_) return;  // an earlier wish came up since
    wake_armed_ = kNever;
    if (machine_.to_world(node_->wake_at()) <= queue_.now()) {
      tell(Tick{});
    } else {
      arm_wake();
    }
  });
}

// ---- fence agents: children of this havend, on the fence devices' own network ----

void Havend::agent_acts(const RunAgent& run) {
  if (run.verb == AgentVerb::status || callbacks_.machine_of(run.host).device_mode(run.device) != DeviceMode::working)
    return;
  callbacks_.switch_device(run, run.verb == AgentVerb::on);
}

// The order is in the device now: it is carried out, and nobody calls it back.
void Havend::slow_device(CallId call, const RunAgent& run, std::uint64_t token) {
  queue_.after(kSlowDevice, [this, run] { callbacks_.switch_device(run, run.verb == AgentVerb::on); });
  later(kSlowDevice, [this, call, token] { agent_ends(call, token, AgentResult::done, ""); });
}

AgentResult Havend::agent_result(const RunAgent& run) const {
  const Machine& target = callbacks_.machine_of(run.host);
  if (target.device_mode(run.device) == DeviceMode::broken) return AgentResult::failed;
  if (run.verb != AgentVerb::status) return AgentResult::done;
  return target.device_says_off(run.device) ? AgentResult::is_off : AgentResult::is_on;
}

void Havend::agent_ends(CallId call, std::uint64_t token, AgentResult result, std::string message) {
  const auto found = agents_.find(call);
  if (found == agents_.end() || found->second.token != token) return;
  agents_.erase(found);
  tell(AgentDone{call, result, std::move(message)});
}

void Havend::perform_one(CallId call, RunAgent& action) {
  if (action.verb == AgentVerb::off) callbacks_.agent_called(action);
  const std::uint64_t token = ++last_agent_;
  agents_[call] = {token, false, queue_.now() + action.timeout};
  const auto runs = [this, call, token] {
    const auto found = agents_.find(call);
    return found != agents_.end() && found->second.token == token && queue_.now() < found->second.deadline;
  };
  const Machine& target = callbacks_.machine_of(action.host);
  if (action.device >= target.devices()) {
    return later(kMessage, [this, call, token] { agent_ends(call, token, AgentResult::failed, "no such device"); });
  }
  if (target.device_mode(action.device) == DeviceMode::hanging) {
    return later(action.timeout, [this, call, token] { agent_ends(call, token, AgentResult::timed_out, "no answer"); });
  }
  if (target.device_mode(action.device) == DeviceMode::slow && action.verb != AgentVerb::status)
    return slow_device(call, action, token);
  later(kAgentActs, [this, runs, action] {
    if (runs()) agent_acts(action);
  });
  later(kAgentTime, [this, runs, call, token, action] {
    if (!runs()) return agent_ends(call, token, AgentResult::timed_out, "no answer");
    const AgentResult result = agent_result(action);
    agent_ends(call, token, result, result == AgentResult::failed ? "the device does not answer" : "");
  });
}

void Havend::perform_one(CallId call, ProbeDevice& action) {
  const auto answer = [this, call](AgentResult result, std::string message) {
    return [this, told = DeviceProbed{call, result, "", std::move(message)}] { tell(told); };
  };
  const Machine& target = callbacks_.machine_of(action.host);
  if (action.device >= target.devices()) return later(kMessage, answer(AgentResult::failed, "no such device"));
  switch (target.device_mode(action.device)) {
    case DeviceMode::hanging:
      return later(action.timeout, answer(AgentResult::timed_out, "no answer"));
    case DeviceMode::broken:
      return later(kAgentTime, answer(AgentResult::failed, "the device does not answer"));
    case DeviceMode::working:
    case DeviceMode::lying:
    case DeviceMode::slow:
      break;
  }
  const bool off = target.device_says_off(action.device);
  later(kAgentTime, answer(off ? AgentResult::is_off : AgentResult::is_on, ""));
}

void Havend::perform_one(CallId, KillAgent& action) {
  const auto found = agents_.find(action.running);
  if (found == agents_.end()) return;
  const std::uint64_t token = ++last_agent_;
  found->second = {token, true, found->second.deadline};
  later(kMessage, [this, call = action.running, token] { agent_ends(call, token, AgentResult::killed, "killed"); });
}

// ---- this host ----

void Havend::perform_one(CallId, NoteRelease& action) { machine_.notes.push_back(action); }
void Havend::perform_one(CallId, NotePromise& action) { machine_.promise_note = action; }

void Havend::perform_one(CallId call, ArmWatchdog& action) {
  const bool armed = machine_.arm_watchdog(action.bites_after);
  later(kMessage, [this, call, armed] { tell(WatchdogArmed{call, armed, armed ? "" : "its watchdog takes no pet"}); });
}
void Havend::perform_one(CallId, PetWatchdog& action) { machine_.pet_watchdog(action.until); }
void Havend::perform_one(CallId, DisarmWatchdog&) { machine_.disarm_watchdog(); }

// The hook asks a live havend or refuses: its list only tells protected domains from others, and here all are.
void Havend::perform_one(CallId, PublishProtected& action) { machine_.kept_out = action.uuids; }

void Havend::perform_one(CallId, AnswerHook& action) {
  if (hook_question_ != action.question) return;
  hook_question_.reset();
  hook_answer_ = action.allow;
}

void Havend::perform_one(CallId, AnswerOperator& action) {
  callbacks_.operator_answered(action.question, action.ok, action.text);
}

void Havend::perform_one(CallId, KillAllAndReboot&) {
  timeline_.host(EventKind::self_fence, machine_.name());
  machine_.go_down(true);
}

void Havend::perform_one(CallId, Exit&) {
  if (machine_.shutting_down()) {
    machine_.finish_shutdown();
  } else {
    crash();  // a planned restart: its supervisor starts it again
  }
}

void Havend::perform_one(CallId, Say&) {}

bool Havend::hook(const ResourceName& resource, bool migration, bool unlinked) {
  return ask_hook({{}, resource, migration, {}, unlinked});
}

// Without a havend the hook only knows the list: there stand the domains that are being fenced.
bool Havend::hook_domain(const std::string& domain, bool migration) {
  if (!alive()) return std::ranges::find(machine_.kept_out, domain) == machine_.kept_out.end();
  return ask_hook({{}, {}, migration, domain});
}

bool Havend::ask_hook(HookAsked asked) {
  if (!alive() || !machine_.runs()) return false;
  constexpr std::uint64_t kHookQuestions = std::uint64_t{1} << 62U;  // apart from the operator's
  asked.question = CallId{kHookQuestions + ++last_question_};
  hook_question_ = asked.question;
  hook_answer_ = false;
  auto issued = step(asked);
  for (Issued& one : issued) {
    if (auto* answer = std::get_if<AnswerHook>(&one.action)) perform_one(one.call, *answer);
  }
  std::erase_if(issued, [](const Issued& one) { return std::holds_alternative<AnswerHook>(one.action); });
  // libvirt waits for this answer: whatever else is to be done comes after it.
  if (!issued.empty()) {
    later(Duration::zero(), [this, issued = std::move(issued)]() mutable { perform(std::move(issued)); });
  } else {
    later(Duration::zero(), [this] { arm_wake(); });
  }
  hook_question_.reset();
  return hook_answer_;
}

}  // namespace haven::sim
