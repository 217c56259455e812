#include "daemon/hands.hpp"

#include <chrono>
#include <utility>

#include "adapter/libvirt/domain_links.hpp"
#include "daemon/boot.hpp"
#include "daemon/codec.hpp"
#include "port/to_event.hpp"

namespace haven::daemon {
namespace {

// Longer than any kill that still succeeds; the reboot then ends what is left (F6).
constexpr Duration kKillBeforeReboot = 5s;

AgentResult result_of(port::AgentAnswer answer) {
  switch (answer) {
    case port::AgentAnswer::done:
      return AgentResult::done;
    case port::AgentAnswer::is_on:
      return AgentResult::is_on;
    case port::AgentAnswer::is_off:
      return AgentResult::is_off;
    case port::AgentAnswer::failed:
      return AgentResult::failed;
    case port::AgentAnswer::timed_out:
      return AgentResult::timed_out;
    case port::AgentAnswer::killed:
      return AgentResult::killed;
  }
  return AgentResult::failed;
}

port::FenceVerb verb_of(AgentVerb verb) {
  switch (verb) {
    case AgentVerb::off:
      return port::FenceVerb::off;
    case AgentVerb::on:
      return port::FenceVerb::on;
    case AgentVerb::status:
      return port::FenceVerb::status;
  }
  return port::FenceVerb::status;
}

std::string line_of(const JournalRecord& record) {
  std::string line = codec::word(record.kind);
  if (!record.resource.empty()) line += " " + record.resource.str();
  if (!record.from.empty()) line += " from " + record.from.str();
  if (!record.host.empty()) line += (record.resource.empty() ? " " : " on ") + record.host.str();
  if (record.kind == JournalKind::fenced && !record.level.empty()) line += " (level " + record.level + ")";
  if (!record.why.empty()) line += ": " + record.why;
  for (const auto& reason : record.reasons) line += "; " + reason.host.str() + ": " + reason.reason;
  return line;
}

MemberRead member_read(const port::ReadDone& read) {
  MemberRead out{read.call, read.reached, std::nullopt, {}, read.term};
  if (!read.reached || !read.found) return out;
  out.mod = read.found->mod;
  const auto record = codec::decode(path::member(HostName("of-any")), read.found->value);
  const auto* member = record ? std::get_if<MemberRecord>(&*record) : nullptr;
  if (member == nullptr) {
    out.reached = false;  // a key that nobody can read is neither here nor gone
  } else {
    out.found = member->incarnation;
  }
  return out;
}

VotersAnswered answered(const port::VotersDone& done) {
  VotersAnswered out{done.call, {}};
  for (const auto& voter : done.voters) {
    out.answers.push_back({voter.id, voter.led ? VoterWord::led : VoterWord::leaderless, voter.voters, voter.term});
  }
  return out;
}

}  // namespace

Hands::Hands(Edges edges, OwnCalls& own, std::string cluster)
    : edges_(std::move(edges)), own_(own), store_(std::move(cluster)) {}

void Hands::know(std::shared_ptr<const Spec> spec) {
  if (spec && spec.get() != domains_.spec()) domains_ = Domains(std::move(spec));
}

std::vector<std::string> Hands::uuids_of(const std::vector<ResourceName>& resources) const {
  std::vector<std::string> uuids;
  for (const ResourceName& name : resources) {
    const Resource* resource = domains_.resource(name);
    if (resource != nullptr && !resource->uuid.empty()) uuids.push_back(resource->uuid);
  }
  return uuids;
}

struct Hands::Performing {
  Hands& hands;
  CallId call;
  std::deque<Event>& answers;

  // Looks a resource up; an action about one that the spec does not have failed before it began.
  const Resource* known(const ResourceName& name) {
    const Resource* resource = hands.domains_.resource(name);
    if (resource == nullptr || resource->uuid.empty()) {
      answers.emplace_back(CallDone{call, CallResult::failed, name.str() + " has no domain in the spec"});
      return nullptr;
    }
    return resource;
  }

  void operator()(const Commit& commit) {
    if (hands.store_.cluster().empty()) {
      answers.emplace_back(CommitDone{call, CommitOutcome::refused, {}, "no cluster file was applied yet"});
      return;
    }
    port::Transaction transaction;
    for (const Check& check : commit.checks) {
      transaction.compares.push_back({hands.store_.key(check.path), check.mod});
    }
    std::vector<std::string> decisions;
    for (const Write& write : commit.writes) {
      const std::string key = hands.store_.key(write.path);
      if (!write.value) {
        transaction.operations.emplace_back(port::Delete{key});
        continue;
      }
      transaction.operations.emplace_back(port::Put{key, codec::encode(*write.value), write.lease});
      if (const auto* record = std::get_if<JournalRecord>(&*write.value)) decisions.push_back(line_of(*record));
    }
    if (!decisions.empty()) hands.decisions_[call] = std::move(decisions);
    hands.edges_.engine.commit(call, std::move(transaction), commit.timeout);
  }
  void operator()(const GrantLease& a) { hands.edges_.engine.grant_lease(call, a.ttl, a.timeout); }
  void operator()(const KeepAlive& a) { hands.edges_.engine.keep_alive(call, a.lease, a.timeout); }

  void operator()(const ReadMember& a) {
    if (hands.store_.cluster().empty()) {
      answers.emplace_back(MemberRead{call, false, std::nullopt, {}, 0});
    } else {
      hands.edges_.engine.read(call, hands.store_.key(path::member(a.host)), a.timeout);
    }
  }
  void operator()(const AskVoters& a) { hands.edges_.engine.ask_voters(call, a.timeout); }
  void operator()(const ArmWatchdog& a) {
    if (hands.edges_.watchdog == nullptr) {
      answers.emplace_back(WatchdogArmed{call, false, "this host has no watchdog"});
    } else {
      hands.edges_.watchdog->arm(call, a.bites_after, a.accept_soft, a.timeout);
    }
  }
  void operator()(const PetWatchdog& a) {
    if (hands.edges_.watchdog != nullptr) hands.edges_.watchdog->pet_until(a.until);
  }
  void operator()(const DisarmWatchdog&) {
    if (hands.edges_.watchdog != nullptr) hands.edges_.watchdog->disarm();
  }

  void operator()(const StartDomain& a) {
    const Resource* r = known(a.resource);
    if (r == nullptr) return;
    if (!a.unlinked) return hands.edges_.hypervisor.start(call, r->xml, a.timeout);
    const auto unlinked = libvirt::with_links_down(r->xml);
    if (unlinked) return hands.edges_.hypervisor.start(call, *unlinked, a.timeout);
    answers.emplace_back(CallDone{call, CallResult::failed, "its links cannot be taken down: " + unlinked.error()});
  }
  void operator()(const ShutdownDomain& a) {
    if (const Resource* r = known(a.resource)) hands.edges_.hypervisor.shutdown(call, r->uuid, a.timeout);
  }
  void operator()(const DestroyDomain& a) {
    if (const Resource* r = known(a.resource)) hands.edges_.hypervisor.destroy(call, r->uuid, a.timeout);
  }
  void operator()(const KillDomain& a) {
    if (const Resource* r = known(a.resource)) {
      hands.edges_.hypervisor.kill(call, r->uuid, hands.domains_.domain_name(a.resource), a.timeout);
    }
  }
  void operator()(const ResumeDomain& a) {
    if (const Resource* r = known(a.resource)) hands.edges_.hypervisor.resume(call, r->uuid, a.timeout);
  }
  void operator()(const MigrateDomain& a) {
    const Resource* r = known(a.resource);
    if (r == nullptr) return;
    const Host* to = hands.domains_.spec()->host(a.to);
    if (to == nullptr) {
      answers.emplace_back(CallDone{call, CallResult::failed, "the spec has no host " + a.to.str() + " any more"});
      return;
    }
    hands.edges_.say(false, "moving " + a.resource.str() + " live to " + a.to.str());
    hands.edges_.hypervisor.migrate(call, r->uuid, to->address, a.timeout);
  }
  void operator()(const CapDomain& a) {
    if (const Resource* r = known(a.resource)) hands.edges_.hypervisor.cap(call, r->uuid, a.cap, a.timeout);
  }
  void operator()(const TreatGuest& a) {
    const Resource* r = known(a.resource);
    if (r == nullptr) return;
    if (hands.edges_.guests == nullptr)
      answers.emplace_back(CallDone{call, CallResult::unknown, "nothing can be run in guests here"});
    else
      hands.edges_.guests->treat(call, r->uuid, a.commands, a.timeout);
  }
  void operator()(const AttendGuest& a) {
    if (hands.edges_.attend) hands.edges_.attend(a);
  }
  void operator()(const SetLinks& a) {
    const Resource* r = known(a.resource);
    if (r == nullptr) return;
    hands.edges_.say(false, "putting the network links of " + a.resource.str() + (a.up ? " up" : " down"));
    hands.edges_.hypervisor.set_links(call, r->uuid, a.up, a.timeout);
  }
  void operator()(const AbortMigration& a) {
    if (const Resource* r = known(a.resource)) hands.edges_.hypervisor.abort_migration(call, r->uuid, a.timeout);
  }
  void operator()(const Inspect& a) {
    hands.inspections_[call] = {};
    hands.edges_.storage.look(call, hands.domains_.storage_paths(), a.timeout);
    hands.edges_.hypervisor.inspect(call, a.timeout, hands.uuids_of(a.links));
  }

  void operator()(const RestartHypervisor& a) {
    hands.edges_.say(true, "libvirt does not answer: restarting its service");
    hands.edges_.restart_hypervisor(call, a.timeout);
  }

  void operator()(const RunAgent& a) {
    const Spec* spec = hands.domains_.spec();
    const Host* host = spec == nullptr ? nullptr : spec->host(a.host);
    if (host == nullptr || a.device >= host->fence.size()) {
      answers.emplace_back(AgentDone{call, AgentResult::failed, "the spec has no such fence device any more"});
      return;
    }
    const FenceDevice& device = host->fence[a.device];
    hands.edges_.fence.run(call, {device.agent, device.options}, verb_of(a.verb), a.timeout);
  }
  void operator()(const ProbeDevice& a) {
    const Spec* spec = hands.domains_.spec();
    const Host* host = spec == nullptr ? nullptr : spec->host(a.host);
    if (host == nullptr || a.device >= host->fence.size()) {
      answers.emplace_back(DeviceProbed{call, AgentResult::failed, {}, "the spec has no such fence device any more"});
      return;
    }
    const FenceDevice& device = host->fence[a.device];
    hands.probes_.insert(call);
    hands.edges_.fence.probe(call, {device.agent, device.options}, a.timeout);
  }
  void operator()(const EndVirtualHost& a) {
    hands.edges_.say(false, std::string(a.by_pid ? "killing" : "ending") + " the domain of " + a.host.str() +
                                ", which is being fenced");
    if (a.by_pid) {
      hands.edges_.hypervisor.kill(call, a.uuid, a.uuid, a.timeout);
    } else {
      hands.edges_.hypervisor.destroy(call, a.uuid, a.timeout);
    }
  }
  void operator()(const KillAgent& a) { hands.edges_.fence.cancel(a.running); }

  void operator()(const NoteRelease& a) {
    if (auto done = note_release(hands.edges_.run_dir, a); !done) hands.edges_.die(done.error());
  }
  void operator()(const NotePromise& a) {
    if (auto done = note_promise(hands.edges_.run_dir, a); !done) hands.edges_.die(done.error());
  }
  void operator()(const PublishProtected& a) {
    if (auto done = hands.edges_.publish_protected({hands.uuids_of(a.resources), hands.domains_.shared(), a.uuids});
        !done) {
      hands.edges_.die(done.error());
    }
  }
  void operator()(const AnswerHook& a) {
    if (!hands.edges_.answer_hook(a.question.count, a.allow, a.reason) && a.allow) {
      hands.edges_.say(true, "the libvirt hook was answered too late; nothing was started");
    }
  }
  void operator()(const AnswerOperator& a) {
    const auto it = hands.questions_.find(a.question);
    if (it == hands.questions_.end()) return;
    const OperatorReply reply = std::move(it->second);
    hands.questions_.erase(it);
    reply(a);
  }
  void operator()(const KillAllAndReboot& a) {
    hands.edges_.say(true, "killing every VM and rebooting: " + a.why);
    std::vector<std::future<OwnAnswer>> kills;
    if (const Spec* spec = hands.domains_.spec()) {
      for (const Resource& r : spec->resources) {
        auto [id, answer] = hands.own_.open();
        hands.edges_.hypervisor.kill(id, r.uuid, hands.domains_.domain_name(r.name), kKillBeforeReboot);
        kills.push_back(std::move(answer));
      }
    }
    const auto patience = std::chrono::steady_clock::now() + kKillBeforeReboot;
    for (const auto& kill : kills) kill.wait_until(patience);
    hands.edges_.reboot();
  }
  void operator()(const Exit& a) {
    if (a.left) forget_incarnation(hands.edges_.run_dir);
    hands.exit_ = true;
  }
  void operator()(const Say& a) { hands.edges_.say(false, a.text); }
};

void Hands::perform(const Issued& issued, std::deque<Event>& answers) {
  std::visit(Performing{*this, issued.call, answers}, issued.action);
}

Event Hands::done(const port::TransactionDone& answer) {
  if (auto said = decisions_.extract(answer.call); said && answer.outcome == port::Outcome::committed) {
    for (const auto& line : said.mapped()) edges_.say(false, line);
  }
  return CommitDone{answer.call, to_event(answer.outcome), answer.revision, answer.message};
}

std::optional<Event> Hands::translate(const port::EngineEvent& event) {
  struct Translate {
    Hands& hands;
    Event operator()(const port::TransactionDone& e) { return hands.done(e); }
    Event operator()(const port::LeaseGranted& e) { return LeaseGranted{e.call, e.lease}; }
    Event operator()(const port::LeaseAnswer& e) { return LeaseAnswer{e.call, e.lease, e.reached, e.alive}; }
    Event operator()(const port::ReadDone& e) { return member_read(e); }
    Event operator()(const port::VotersDone& e) { return answered(e); }
    Event operator()(const port::Listed& e) { return hands.store_.take(e); }
    Event operator()(const port::Changed& e) { return hands.store_.take(e); }
    Event operator()(const port::WatchLost& e) { return EngineLost{e.message}; }
    Event operator()(const port::Resumed&) { return EngineBack{}; }
  };
  return std::visit(Translate{*this}, event);
}

std::optional<Event> Hands::join(CallId call) {
  const auto it = inspections_.find(call);
  if (it == inspections_.end() || !it->second.seen || !it->second.storage_lost) return std::nullopt;
  Inspected whole = std::move(*it->second.seen);
  whole.storage_lost = std::move(*it->second.storage_lost);
  whole.uplink_lost = domains_.on_links(edges_.without_uplink(domains_.links()));
  inspections_.erase(it);
  return whole;
}

std::optional<Event> Hands::translate(const port::StorageLooked& event) {
  const auto it = inspections_.find(event.call);
  if (it == inspections_.end()) return std::nullopt;
  it->second.storage_lost = domains_.on_paths(event.lost);
  return join(event.call);
}

std::optional<Event> Hands::translate(const port::HypervisorEvent& event) {
  struct Translate {
    Hands& hands;
    const Domains& domains;
    std::optional<Event> operator()(const port::CallDone& e) { return CallDone{e.call, to_event(e.result), e.message}; }
    std::optional<Event> operator()(const port::Inspected& e) {
      const auto it = hands.inspections_.find(e.call);
      if (it == hands.inspections_.end()) return std::nullopt;
      it->second.seen = domains.translate(e);
      return hands.join(e.call);
    }
    std::optional<Event> operator()(const port::Lifecycle& e) {
      const auto hint = domains.translate(e);
      return hint ? std::optional<Event>(*hint) : std::nullopt;
    }
    std::optional<Event> operator()(const port::ConnectionLost& e) { return HypervisorLost{e.message}; }
    std::optional<Event> operator()(const port::ConnectionBack&) { return HypervisorBack{}; }
    std::optional<Event> operator()(const port::Sending&) { return std::nullopt; }  // nobody decides by it
  };
  return std::visit(Translate{*this, domains_}, event);
}

Event Hands::translate(const port::WatchdogEvent& event) {
  struct Translate {
    Event operator()(const port::WatchdogArmed& e) { return WatchdogArmed{e.call, e.armed, e.message}; }
    Event operator()(const port::WatchdogBroke& e) { return WatchdogBroke{e.message}; }
  };
  return std::visit(Translate{}, event);
}

Event Hands::translate(const port::AgentDone& event) {
  if (probes_.erase(event.call) > 0)
    return DeviceProbed{event.call, result_of(event.answer), event.guid, event.message};
  return AgentDone{event.call, result_of(event.answer), event.message};
}

bool Hands::expect_answer(CallId question, OperatorReply reply) {
  if (questions_.size() >= kMaxQuestions) return false;
  questions_[question] = std::move(reply);
  return true;
}

void Hands::expect_no_longer(CallId question) { questions_.erase(question); }

}  // namespace haven::daemon
