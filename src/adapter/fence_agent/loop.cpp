#include "adapter/fence_agent/loop.hpp"

#include <libxml/parser.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "adapter/boot_clock.hpp"
#include "adapter/fence_agent/answer.hpp"
#include "adapter/fence_agent/guid.hpp"
#include "adapter/fence_agent/secret.hpp"

namespace haven::adapter {
namespace {

using port::AgentAnswer;
using port::FenceVerb;

// Goes on while the machine is suspended: a deadline that passed meanwhile has passed.
Duration now() { return boot_now().since_boot; }

const char* word_of(FenceVerb verb) {
  switch (verb) {
    case FenceVerb::off:
      return "off";
    case FenceVerb::on:
      return "on";
    case FenceVerb::status:
      return "status";
  }
  return "";
}

bool names_secret_file(const port::FenceDeviceConfig& device) {
  return std::any_of(device.options.begin(), device.options.end(),
                     [](const auto& option) { return option.first.ends_with("_file"); });
}

struct Input {
  std::string text;
  std::vector<std::string> secrets;
};

// The agent's standard input; the error is for the operator.
tl::expected<Input, std::string> input_for(const port::FenceDeviceConfig& device, FenceVerb verb,
                                           const AgentMetadata* metadata) {
  Input input;
  input.text = "action=" + std::string(word_of(verb)) + "\n";
  for (const auto& [key, value] : device.options) {
    std::string name = metadata == nullptr ? "" : secret_of(*metadata, key);
    std::string passed = value;
    if (name.empty()) {
      name = key;
      if (is_secret(key)) input.secrets.push_back(value);
    } else {
      auto secret = read_secret(value);
      if (!secret) return tl::make_unexpected(secret.error());
      passed = std::move(*secret);
      input.secrets.push_back(passed);
    }
    const std::string line = name + "=" + passed;
    if (line.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos || name == "action" ||
        name == "option") {
      return tl::make_unexpected("option " + key + " cannot be passed to " + device.agent);
    }
    input.text += line + "\n";
  }
  return input;
}

bool has_ended(const Process& process) {
  pollfd fd{process.exit_fd(), POLLIN, 0};
  return poll(&fd, 1, 0) > 0;
}

Duration deadline_after(Duration timeout) {
  constexpr Duration kLongest = 24h;
  return now() + std::min(timeout, kLongest);
}

}  // namespace

tl::expected<std::string, std::string> agent_path(const std::string& folder, const std::string& agent) {
  if (!is_agent_name(agent)) return tl::make_unexpected("\"" + agent + "\" is no name of a fence agent");
  std::string path = folder + "/" + agent;
  if (access(path.c_str(), X_OK) == 0) return path;
  return tl::make_unexpected("there is no fence agent " + agent + " in " + folder);
}

FenceAgents::Loop::Loop(std::string folder, port::FenceSink sink)
    : folder_(std::move(folder)), sink_(std::move(sink)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  xmlInitParser();
  // Signals are the daemon's business: none is delivered to this thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { turn_until_stopped(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

FenceAgents::Loop::~Loop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

void FenceAgents::Loop::post(std::variant<Job, CallId> message) {
  {
    const std::lock_guard lock(mutex_);
    if (auto* job = std::get_if<Job>(&message)) {
      job->refused = calls_ >= kMostCalls;
      if (job->refused) job->device = {};
      ++calls_;
    }
    messages_.push_back(std::move(message));
  }
  eventfd_write(wake_.get(), 1);
}

void FenceAgents::Loop::run(CallId call, const port::FenceDeviceConfig& device, FenceVerb verb, Duration timeout) {
  Job job;
  job.call = call;
  job.device = device;
  job.verb = verb;
  job.deadline = deadline_after(timeout);
  post(std::move(job));
}

void FenceAgents::Loop::probe(CallId call, const port::FenceDeviceConfig& device, Duration timeout) {
  Job job;
  job.call = call;
  job.device = device;
  job.wants_guid = true;
  job.deadline = deadline_after(timeout);
  post(std::move(job));
}

void FenceAgents::Loop::cancel(CallId call) { post(call); }

std::future<MetadataResult> FenceAgents::Loop::metadata(const std::string& agent, Duration timeout) {
  Job job;
  job.metadata_wanted = std::make_shared<std::promise<MetadataResult>>();
  job.device.agent = agent;
  job.deadline = deadline_after(timeout);
  auto future = job.metadata_wanted->get_future();
  post(std::move(job));
  return future;
}

void FenceAgents::Loop::turn_until_stopped() {
  while (true) {
    take_messages();
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) break;
    }
    expire();
    start_waiting();
    wait_for_events();
    read_and_reap();
  }
  take_messages();
  for (auto job = jobs_.begin(); job != jobs_.end();) job = answer(job, AgentAnswer::killed, "");
  dying_.clear();
}

void FenceAgents::Loop::take_messages() {
  std::vector<std::variant<Job, CallId>> messages;
  {
    const std::lock_guard lock(mutex_);
    messages.swap(messages_);
  }
  for (auto& message : messages) {
    if (auto* job = std::get_if<Job>(&message)) {
      jobs_.push_back(std::move(*job));
      if (jobs_.back().refused) {
        answer(std::prev(jobs_.end()), AgentAnswer::failed, "too many fence agents wait already");
      }
      continue;
    }
    const CallId call = std::get<CallId>(message);
    const auto job = std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& j) { return j.call == call; });
    if (job == jobs_.end()) continue;
    if (!job->process) {
      answer(job, AgentAnswer::killed, "");
      continue;
    }
    // Answered when it is gone: until then it may still switch something.
    job->cancelled = true;
    job->process->kill_group();
  }
}

std::size_t FenceAgents::Loop::running() const {
  return static_cast<std::size_t>(
      std::count_if(jobs_.begin(), jobs_.end(), [](const Job& j) { return j.process.has_value(); }));
}

void FenceAgents::Loop::start_waiting() {
  for (auto job = jobs_.begin(); job != jobs_.end() && running() < kMostRunning;) {
    job = job->process ? std::next(job) : start(job);
  }
}

FenceAgents::Loop::Jobs::iterator FenceAgents::Loop::start(Jobs::iterator job) {
  const auto path = agent_path(folder_, job->device.agent);
  if (!path) {
    return job->call ? answer(job, AgentAnswer::failed, path.error())
                     : answer_metadata(job, tl::make_unexpected(path.error()));
  }
  const bool needed = !job->call || names_secret_file(job->device);
  const MetadataResult* known = needed ? known_metadata(*path) : nullptr;
  if (!job->call && known != nullptr) return answer_metadata(job, *known);
  if (!needed || known != nullptr) return start_verb(job, *path, known == nullptr ? nullptr : &**known);
  auto process = Process::start({*path}, "action=metadata\n");
  if (!process) {
    return job->call ? answer(job, AgentAnswer::failed, process.error())
                     : answer_metadata(job, tl::make_unexpected(process.error()));
  }
  job->asks_metadata = true;
  job->process.emplace(std::move(*process));
  return std::next(job);
}

FenceAgents::Loop::Jobs::iterator FenceAgents::Loop::start_verb(Jobs::iterator job, const std::string& path,
                                                                const AgentMetadata* metadata) {
  auto input = input_for(job->device, job->verb, metadata);
  if (!input) return answer(job, AgentAnswer::failed, input.error());
  auto process = Process::start({path}, input->text);
  if (!process) return answer(job, AgentAnswer::failed, process.error());
  job->secrets = std::move(input->secrets);
  job->asks_metadata = false;
  job->process.emplace(std::move(*process));
  return std::next(job);
}

const MetadataResult* FenceAgents::Loop::known_metadata(const std::string& path) {
  const auto found = known_.find(path);
  struct stat about {};
  if (found == known_.end() || stat(path.c_str(), &about) != 0) return nullptr;
  // An upgraded agent is asked again.
  const timespec& was = found->second.changed;
  const bool same = was.tv_sec == about.st_ctim.tv_sec && was.tv_nsec == about.st_ctim.tv_nsec;
  return same ? &found->second.metadata : nullptr;
}

MetadataResult FenceAgents::Loop::keep_metadata(const std::string& path, const Process& process, int wait_status) {
  const std::string agent = path.substr(path.rfind('/') + 1);
  if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0) {
    return tl::make_unexpected(
        agent + " does not tell its metadata: " + message_of(process.err(), {}, "it failed without a word"));
  }
  MetadataResult metadata = parse_metadata(process.out().text());
  if (!metadata) return tl::make_unexpected(agent + ": " + metadata.error());
  struct stat about {};
  if (stat(path.c_str(), &about) == 0) known_.insert_or_assign(path, Known{about.st_ctim, metadata});
  return metadata;
}

void FenceAgents::Loop::wait_for_events() {
  std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}};
  const auto add = [&](const Process& process) {
    for (const int fd : {process.exit_fd(), process.out_fd(), process.err_fd()}) {
      if (fd >= 0) fds.push_back({fd, POLLIN, 0});
    }
  };
  Duration first = kNever.since_boot;
  for (const Job& job : jobs_) {
    if (job.process) add(*job.process);
    first = std::min(first, job.deadline);
  }
  for (const Process& process : dying_) fds.push_back({process.exit_fd(), POLLIN, 0});
  int timeout_ms = -1;
  if (first != kNever.since_boot) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - now()).count();
    timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
  }
  poll(fds.data(), fds.size(), timeout_ms);
  eventfd_t woken = 0;
  eventfd_read(wake_.get(), &woken);
}

void FenceAgents::Loop::read_and_reap() {
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    if (job->process) job->process->read();
    job = job->process && has_ended(*job->process) ? ended(job) : std::next(job);
  }
  dying_.remove_if([](Process& process) {
    if (!has_ended(process)) return false;
    process.reap();
    return true;
  });
}

FenceAgents::Loop::Jobs::iterator FenceAgents::Loop::ended(Jobs::iterator job) {
  const int status = job->process->reap();
  const Process process = std::move(*job->process);
  job->process.reset();
  // What had ended by itself before the kill came has its own answer.
  if (job->cancelled && (WIFSIGNALED(status) || job->asks_metadata)) return answer(job, AgentAnswer::killed, "");
  if (job->status) {
    job->guid = guid_in(process.out().text());
    return answer(job, *job->status, "");
  }
  if (!job->asks_metadata) {
    const Ending ending = ending_of(job->verb, status, process.out(), process.err(), job->secrets);
    const bool told = ending.answer == AgentAnswer::is_on || ending.answer == AgentAnswer::is_off;
    if (job->wants_guid && told) return ask_guid(job, ending.answer);
    return answer(job, ending.answer, ending.message);
  }
  const std::string path = folder_ + "/" + job->device.agent;
  MetadataResult metadata = keep_metadata(path, process, status);
  if (!job->call) return answer_metadata(job, std::move(metadata));
  if (!metadata) return answer(job, AgentAnswer::failed, metadata.error());
  return start_verb(job, path, &*metadata);
}

FenceAgents::Loop::Jobs::iterator FenceAgents::Loop::ask_guid(Jobs::iterator job, AgentAnswer status) {
  const auto question = guid_question(job->device);
  if (!question) return answer(job, status, "");
  std::vector<std::string> argv{question->program};
  argv.insert(argv.end(), question->arguments.begin(), question->arguments.end());
  auto process = Process::start(argv, "");
  if (!process) return answer(job, status, "");
  job->status = status;
  job->process.emplace(std::move(*process));
  return std::next(job);
}

void FenceAgents::Loop::expire() {
  const Duration instant = now();
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    if (job->deadline > instant) {
      ++job;
      continue;
    }
    const std::string waited = job->process ? "" : "; it waited for other agents to end";
    if (job->process) job->process->kill_group();
    if (job->status) {
      job = answer(job, *job->status, "");  // who it is it does not tell
      continue;
    }
    const std::string message = "no answer of " + job->device.agent + " within its time" + waited;
    job = job->call ? answer(job, AgentAnswer::timed_out, message) : answer_metadata(job, tl::make_unexpected(message));
  }
}

FenceAgents::Loop::Jobs::iterator FenceAgents::Loop::answer(Jobs::iterator job, AgentAnswer answer,
                                                            std::string message) {
  if (!job->call) return answer_metadata(job, tl::make_unexpected(message));
  if (job->process) {
    job->process->kill_group();
    dying_.push_back(std::move(*job->process));
  }
  const port::AgentDone done{*job->call, answer, std::move(message), job->guid};
  const auto next = jobs_.erase(job);
  {
    const std::lock_guard lock(mutex_);
    --calls_;
  }
  sink_(done);
  return next;
}

FenceAgents::Loop::Jobs::iterator FenceAgents::Loop::answer_metadata(Jobs::iterator job, MetadataResult result) {
  if (job->process) {
    job->process->kill_group();
    dying_.push_back(std::move(*job->process));
  }
  job->metadata_wanted->set_value(std::move(result));
  const std::lock_guard lock(mutex_);
  --calls_;
  return jobs_.erase(job);
}

}  // namespace haven::adapter
