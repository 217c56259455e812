#include "adapter/guest/guest_probes.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "adapter/guest/agent_words.hpp"
#include "adapter/guest/awaited.hpp"
#include "adapter/guest/conversation.hpp"
#include "adapter/guest/http.hpp"
#include "adapter/libvirt/workers.hpp"

namespace haven::adapter::guest {
namespace {

using libvirt::Connection;
using libvirt::Workers;
using Clock = Awaited::Clock;
using Kind = AgentReply::Kind;

// What is silent is told with the hypervisor's counters, if these come within so long.
constexpr Duration kPulsePatience = 2s;
constexpr std::chrono::milliseconds kEndPatience{250};
// A command that runs is looked for after this, then ever more seldom.
constexpr Duration kFirstLook = 10ms, kLastLook = 500ms;
constexpr std::size_t kMostWaiting = 64;  // questions to one guest's agent

bool is_number(const std::string& address) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1;
}

// May take as long as the resolver likes.
std::optional<std::string> looked_up(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0 || found == nullptr) return std::nullopt;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, ::freeaddrinfo);
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
    return std::nullopt;
  return std::string(text.data());
}

CheckAnswer passed() { return {true, false, {}, {}}; }
CheckAnswer said_no(const std::string& why) { return {false, false, one_line(why), {}}; }

}  // namespace

class GuestProbes::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(GuestEdges edges, port::GuestCheckedSink checked, port::GuestTreatedSink treated)
      : edges_(std::move(edges)), checked_(std::move(checked)), treated_(std::move(treated)) {}

  void end() {
    {
      const std::lock_guard lock(sink_mutex_);
      ended_ = true;
    }
    for (Workers* workers : {&agents_, &mute_agents_, &treatments_, &counters_, &lookups_}) workers->stop(kEndPatience);
    // What hangs holds this object, and must not have to wait for their threads.
    conversations_.stop();
    awaited_.stop();
  }

  void check(std::uint64_t number, const std::string& uuid, const GuestCheck& check) {
    const Question question = open(number, uuid, check);
    switch (check.kind) {
      case CheckKind::guest_agent:
        return ask_agent(question, [this, question](Connection& connection) {
          const AgentReply reply = edges_.agent(connection, question.uuid, agent_ping(), left(question));
          return answer_of(reply, is_agent_return(reply.text), "its agent's answer is none");
        });
      case CheckKind::exec:
        return ask_agent(question, [this, question](Connection& connection) { return exec(connection, question); });
      case CheckKind::tcp:
      case CheckKind::http:
        return ask_network(question);
      case CheckKind::memory:
        return count(question);
      case CheckKind::disk_io:
        return ask_agent(question, [this, question](Connection& connection) { return disks(connection, question); });
    }
  }

  void treat(CallId call, const std::string& uuid, const std::vector<GuestCommand>& commands, Duration timeout) {
    const auto late = [self = weak_from_this(), call] {
      if (const auto core = self.lock()) core->tell({call, port::CallResult::unknown, "its time was over"});
    };
    const auto deadline = Clock::now() + timeout;
    const std::uint64_t id = awaited_.open(timeout, late);
    auto work = [this, self = shared_from_this(), call, uuid, commands, deadline, id](Connection& connection) {
      port::CallDone done{call, port::CallResult::done, {}};
      for (const GuestCommand& command : commands) {
        const Ran ran = run(connection, uuid, command, deadline, [&] { return awaited_.is_open(id); });
        if (ran.kind == Kind::answered && ran.fault.empty()) continue;
        const bool no = ran.kind == Kind::answered || ran.kind == Kind::said_no;
        done.result = no ? port::CallResult::failed : port::CallResult::unknown;
        done.message = one_line(command.front() + ": " + ran.fault);
        break;
      }
      if (awaited_.close(id)) tell(std::move(done));
    };
    if (treatments_.submit({[this, id] { return awaited_.is_open(id); }, std::move(work)})) return;
    if (awaited_.close(id)) tell({call, port::CallResult::unknown, "too many commands wait for guests"});
  }

 private:
  struct Question {
    std::uint64_t number = 0;
    std::uint64_t id = 0;  // awaited
    std::string uuid;
    GuestCheck check;
    Clock::time_point deadline;
  };
  using Ask = std::function<std::optional<CheckAnswer>(Connection&)>;  // nullopt: it was not asked
  // How a command in a guest ended. fault: empty where it succeeded.
  struct Ran {
    Kind kind = Kind::unasked;
    std::string fault;
    std::string said;
  };

  Question open(std::uint64_t number, const std::string& uuid, const GuestCheck& check) {
    const auto late = [self = weak_from_this(), number, uuid] {
      if (const auto core = self.lock()) core->tell_silent(number, uuid, "no answer in time");
    };
    return {number, awaited_.open(check.timeout, late), uuid, check, Clock::now() + check.timeout};
  }
  [[nodiscard]] static Duration left(const Question& question) {
    return std::max(Duration::zero(), Duration(question.deadline - Clock::now()));
  }

  // ---- words ----
  void tell(port::GuestChecked checked) {
    const std::lock_guard lock(sink_mutex_);
    if (!ended_) checked_(std::move(checked));
  }
  void tell(port::CallDone done) {
    const std::lock_guard lock(sink_mutex_);
    if (!ended_) treated_(std::move(done));
  }
  // The question's answer, unless its time is over.
  void answer(const Question& question, std::optional<CheckAnswer> answer) {
    if (!awaited_.close(question.id)) return;
    if (answer && answer->silent && !answer->pulse) return tell_silent(question.number, question.uuid, answer->said);
    tell(port::GuestChecked{question.number, std::move(answer)});
  }
  void tell_silent(std::uint64_t number, const std::string& uuid, const std::string& why) {
    const CheckAnswer silent{false, true, why, {}};
    const std::uint64_t id = awaited_.open(kPulsePatience, [self = weak_from_this(), number, silent] {
      if (const auto core = self.lock()) core->tell(port::GuestChecked{number, silent});
    });
    auto work = [this, self = shared_from_this(), number, uuid, silent, id](Connection& connection) {
      CheckAnswer whole = silent;
      whole.pulse = edges_.pulse(connection, uuid);
      if (awaited_.close(id)) tell(port::GuestChecked{number, std::move(whole)});
    };
    // Where no thread is free, it is told without.
    (void)counters_.submit({[this, id] { return awaited_.is_open(id); }, std::move(work)});
  }

  // ---- the agent: one question at a time to each ----
  void ask_agent(const Question& question, Ask ask) {
    std::function<void(Connection&)> job = [this, self = shared_from_this(), question,
                                            ask = std::move(ask)](Connection& connection) {
      if (awaited_.is_open(question.id)) {
        const auto found = ask(connection);
        note_mute(question.uuid, found && found->silent);
        answer(question, found);
      }
      next_of(question.uuid);
    };
    {
      const std::lock_guard lock(lanes_mutex_);
      const auto [lane, is_free] = lanes_.try_emplace(question.uuid);
      if (!is_free && lane->second.size() < kMostWaiting) return lane->second.push_back({question, std::move(job)});
      if (!is_free) job = nullptr;
    }
    if (!job) return answer(question, std::nullopt);
    submit(question, std::move(job));
  }
  void submit(const Question& question, std::function<void(Connection&)> job) {
    if (workers_for(question.uuid).submit({[] { return true; }, std::move(job)})) return;
    answer(question, std::nullopt);
    next_of(question.uuid);
  }
  // Those whose time is over by now cost no thread.
  void next_of(const std::string& uuid) {
    std::optional<Waiting> next;
    {
      const std::lock_guard lock(lanes_mutex_);
      auto& lane = lanes_.at(uuid);
      while (!next && !lane.empty()) {
        if (awaited_.is_open(lane.front().question.id)) next = std::move(lane.front());
        lane.pop_front();
      }
      if (!next) lanes_.erase(uuid);
    }
    if (next) submit(next->question, std::move(next->job));
  }
  Workers& workers_for(const std::string& uuid) {
    const std::lock_guard lock(lanes_mutex_);
    return mute_.contains(uuid) ? mute_agents_ : agents_;
  }
  void note_mute(const std::string& uuid, bool mute) {
    const std::lock_guard lock(lanes_mutex_);
    if (mute)
      mute_.insert(uuid);
    else
      mute_.erase(uuid);
  }

  static std::optional<CheckAnswer> answer_of(const AgentReply& reply, bool right, const std::string& otherwise) {
    switch (reply.kind) {
      case Kind::answered:
        return right ? passed() : said_no(otherwise);
      case Kind::said_no:
        return said_no(reply.text);
      case Kind::silent:
        return CheckAnswer{false, true, one_line(reply.text), {}};
      case Kind::unasked:
        return std::nullopt;
    }
    return std::nullopt;
  }

  Ran run(Connection& connection, const std::string& uuid, const GuestCommand& command, Clock::time_point deadline,
          const std::function<bool()>& wanted) {
    const auto patience = [&] { return std::max(Duration::zero(), Duration(deadline - Clock::now())); };
    const AgentReply begun = edges_.agent(connection, uuid, agent_exec(command), patience());
    if (begun.kind != Kind::answered) return {begun.kind, begun.text, {}};
    const auto process = exec_begun(begun.text);
    if (!process) return {Kind::said_no, "its agent's answer is none", {}};
    Duration pause = kFirstLook;
    while (wanted() && Clock::now() + pause < deadline) {
      std::this_thread::sleep_for(pause);
      pause = std::min(kLastLook, pause * 2);
      const AgentReply reply = edges_.agent(connection, uuid, agent_exec_status(*process), patience());
      if (reply.kind != Kind::answered) return {reply.kind, reply.text, {}};
      const auto status = exec_status(reply.text);
      if (!status) return {Kind::said_no, "its agent's answer is none", {}};
      if (!status->ended) continue;
      std::string fault;
      if (status->signal != 0) fault = "ended by signal " + std::to_string(status->signal);
      if (status->code != 0) fault = "exit status " + std::to_string(status->code);
      if (!fault.empty() && !status->said.empty()) fault += ": " + one_line(status->said);
      return {Kind::answered, fault, status->said};
    }
    return {Kind::silent, "it has not ended in time", {}};
  }

  std::optional<CheckAnswer> exec(Connection& connection, const Question& question) {
    const Ran ran = run(connection, question.uuid, question.check.command, question.deadline,
                        [&] { return awaited_.is_open(question.id); });
    if (ran.kind != Kind::answered || !ran.fault.empty()) return answer_of({ran.kind, ran.fault}, false, ran.fault);
    const std::string& wanted = question.check.contains;
    if (wanted.empty() || ran.said.find(wanted) != std::string::npos) return passed();
    return said_no("what it prints does not contain the text that is wanted");
  }

  std::optional<CheckAnswer> disks(Connection& connection, const Question& question) {
    auto pulse = edges_.pulse(connection, question.uuid);
    const AgentReply reply = edges_.agent(connection, question.uuid, agent_disks(), left(question));
    const auto stats = guest_disks(reply.text);
    auto answer = answer_of(reply, stats.has_value(), "its agent does not tell of its disks");
    if (!answer || !pulse) return answer;
    if (stats) pulse->pending = stats->pending;
    answer->pulse = pulse;
    return answer;
  }

  void count(const Question& question) {
    auto work = [this, self = shared_from_this(), question](Connection& connection) {
      CheckAnswer found = passed();
      found.pulse = edges_.pulse(connection, question.uuid);
      answer(question, found.pulse ? std::optional(found) : std::nullopt);
    };
    if (!counters_.submit({[this, id = question.id] { return awaited_.is_open(id); }, std::move(work)}))
      answer(question, std::nullopt);
  }

  // ---- sockets ----
  void ask_network(const Question& question) {
    const HttpPlace place = place_of(question.check);
    if (is_number(place.host)) return converse(question, place, place.host);
    const std::string key = place.host.empty() ? "/" + question.uuid : place.host;
    {
      const std::lock_guard lock(addresses_mutex_);
      const auto known = addresses_.find(key);
      if (known != addresses_.end() && Clock::now() < known->second.until)
        return converse(question, place, known->second.address);
    }
    auto work = [this, self = shared_from_this(), question, place, key](Connection& connection) {
      const auto found = place.host.empty() ? edges_.address(connection, question.uuid) : looked_up(place.host);
      if (!found && place.host.empty())
        return answer(question, said_no("neither its agent nor a lease tells its address"));
      if (!found) return answer(question, said_no("no address is known of " + place.host));
      {
        const std::lock_guard lock(addresses_mutex_);
        addresses_[key] = {*found, Clock::now() + kAddressKept};
      }
      converse(question, place, *found);
    };
    if (!lookups_.submit({[this, id = question.id] { return awaited_.is_open(id); }, std::move(work)}))
      answer(question, std::nullopt);
  }
  static HttpPlace place_of(const GuestCheck& check) {
    if (check.kind == CheckKind::http) return http_place(check);
    return {false, check.address, check.port, {}};
  }

  void converse(const Question& question, const HttpPlace& place, const std::string& address) {
    Conversation conversation;
    conversation.address = address;
    conversation.port = place.port;
    conversation.timeout = left(question);
    const bool http = question.check.kind == CheckKind::http;
    if (http) {
      conversation.says = http_request(place, place.host.empty() ? address : place.host);
      conversation.is_whole = http_is_whole;
    }
    if (place.tls) conversation.tls = std::make_shared<const Tls>(Tls{place.host, question.check.authority});
    conversations_.begin(std::move(conversation), [self = weak_from_this(), question](const ConversationHeard& heard) {
      const auto core = self.lock();
      if (!core) return;
      core->answer(question, judged(question.check, heard));
      // It may have another address by now.
      if (heard.end == ConversationEnd::refused || heard.end == ConversationEnd::silent) core->forget_address(question);
    });
  }
  void forget_address(const Question& question) {
    const HttpPlace place = place_of(question.check);
    const std::lock_guard lock(addresses_mutex_);
    addresses_.erase(place.host.empty() ? "/" + question.uuid : place.host);
  }

  static CheckAnswer judged(const GuestCheck& check, const ConversationHeard& heard) {
    if (heard.end == ConversationEnd::silent) return {false, true, heard.why, {}};
    if (heard.end == ConversationEnd::refused) return said_no(heard.why);
    if (check.kind == CheckKind::tcp) return passed();
    const auto answer = http_answer(heard.heard);
    if (!answer) return said_no("this is no answer of HTTP");
    const std::string fault = http_fault(check, *answer, heard.end == ConversationEnd::too_long);
    return fault.empty() ? passed() : said_no(fault);
  }

  struct Waiting {
    Question question;
    std::function<void(Connection&)> job;
  };
  struct Address {
    std::string address;
    Clock::time_point until;
  };
  GuestEdges edges_;
  std::mutex sink_mutex_;  // held while a sink runs
  bool ended_ = false;
  port::GuestCheckedSink checked_;
  port::GuestTreatedSink treated_;
  std::mutex lanes_mutex_;
  std::map<std::string, std::deque<Waiting>> lanes_;  // of guests whose agent is being asked
  std::set<std::string> mute_;
  std::mutex addresses_mutex_;
  std::map<std::string, Address> addresses_;
  Workers agents_{kMaxAgents};
  Workers mute_agents_{kMaxMute};
  Workers treatments_{kMaxTreatments};
  Workers counters_{kMaxCounters};
  Workers lookups_{kMaxLookups};
  Awaited awaited_;
  Conversations conversations_;
};

GuestProbes::GuestProbes(GuestEdges edges, port::GuestCheckedSink checked, port::GuestTreatedSink treated)
    : core_(std::make_shared<Core>(std::move(edges), std::move(checked), std::move(treated))) {}

GuestProbes::~GuestProbes() { core_->end(); }

void GuestProbes::check(std::uint64_t number, const std::string& uuid, const GuestCheck& check) {
  core_->check(number, uuid, check);
}

void GuestProbes::treat(CallId call, const std::string& uuid, const std::vector<GuestCommand>& commands,
                        Duration timeout) {
  core_->treat(call, uuid, commands, timeout);
}

}  // namespace haven::adapter::guest
