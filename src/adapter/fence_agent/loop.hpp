// The one thread that starts, watches and ends all agents.
#pragma once

#include <sys/stat.h>

#include <future>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "adapter/fence_agent/fence_agents.hpp"
#include "adapter/fence_agent/metadata.hpp"
#include "adapter/process/process.hpp"

namespace haven::adapter {

using MetadataResult = tl::expected<AgentMetadata, std::string>;

// Where the agent of this name stands, or why there is none.
[[nodiscard]] tl::expected<std::string, std::string> agent_path(const std::string& folder, const std::string& agent);

class FenceAgents::Loop {
 public:
  Loop(std::string folder, port::FenceSink sink);
  ~Loop();

  void run(CallId call, const port::FenceDeviceConfig& device, port::FenceVerb verb, Duration timeout);
  void probe(CallId call, const port::FenceDeviceConfig& device, Duration timeout);
  void cancel(CallId call);
  // Ready at the timeout at the latest.
  std::future<MetadataResult> metadata(const std::string& agent, Duration timeout);
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  // Somebody who waits for the metadata alone has no call and no verb.
  struct Job {
    std::optional<CallId> call;
    std::shared_ptr<std::promise<MetadataResult>> metadata_wanted;
    port::FenceDeviceConfig device;
    port::FenceVerb verb = port::FenceVerb::status;
    Duration deadline{};  // on the clock of now()
    bool refused = false;
    bool cancelled = false;
    bool asks_metadata = false;  // the process that runs is `metadata`, a step before the verb
    bool wants_guid = false;
    std::optional<port::AgentAnswer> status;  // of a probe whose process now asks for the GUID
    std::string guid;
    std::optional<Process> process;
    std::vector<std::string> secrets;
  };
  struct Known {
    struct timespec changed;
    MetadataResult metadata;
  };
  using Jobs = std::list<Job>;

  void post(std::variant<Job, CallId> message);
  void turn_until_stopped();
  void take_messages();
  void start_waiting();
  void wait_for_events();
  void read_and_reap();
  void expire();

  // Each answers and removes the job, or leaves it waiting for its process.
  Jobs::iterator start(Jobs::iterator job);
  Jobs::iterator start_verb(Jobs::iterator job, const std::string& path, const AgentMetadata* metadata);
  Jobs::iterator ended(Jobs::iterator job);
  // Goes on to ask the BMC who it is, where it can be asked; else answers.
  Jobs::iterator ask_guid(Jobs::iterator job, port::AgentAnswer status);
  Jobs::iterator answer(Jobs::iterator job, port::AgentAnswer answer, std::string message);
  Jobs::iterator answer_metadata(Jobs::iterator job, MetadataResult result);

  const MetadataResult* known_metadata(const std::string& path);
  MetadataResult keep_metadata(const std::string& path, const Process& process, int wait_status);
  [[nodiscard]] std::size_t running() const;

  const std::string folder_;
  const port::FenceSink sink_;
  Descriptor wake_;  // an eventfd

  std::mutex mutex_;  // guards the three below
  std::vector<std::variant<Job, CallId>> messages_;
  std::size_t calls_ = 0;  // posted and not yet answered
  bool stopped_ = false;

  // Of the loop's own thread.
  Jobs jobs_;                           // in the order of their coming
  std::list<Process> dying_;            // killed and answered for; to be reaped
  std::map<std::string, Known> known_;  // by path
  std::thread thread_;
};

}  // namespace haven::adapter
