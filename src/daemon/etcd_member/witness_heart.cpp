#include "daemon/etcd_member/witness_heart.hpp"

#include <utility>
#include <vector>

#include "core/model/wording.hpp"

namespace haven::daemon {
namespace {

constexpr Duration kFirstPatience = 1500ms;  // half of the usual lease
const std::string kHearsNobody = "it hears nobody";

std::string sentence_of(const PeersHeard& heard) {
  std::vector<std::string> yes, no;
  for (const auto& peer : heard.peers) (peer.links != 0 ? yes : no).push_back(peer.host.str());
  if (heard.peers.empty()) return kHearsNobody;
  if (yes.empty()) return "it does not hear " + listed(no);
  return "it hears " + listed(yes) + (no.empty() ? "" : ", and not " + listed(no));
}

}  // namespace

WitnessHeart::WitnessHeart(Place place, Edges edges)
    : place_(std::move(place)),
      edges_(std::move(edges)),
      mailbox_(std::make_shared<Mailbox>(edges_.overflow)),
      store_(place_.cluster),
      patience_ns_(kFirstPatience.count()),
      hears_(kHearsNobody),
      heart_(place_.heart, {[this](PeersHeard heard) { mailbox_->post(std::move(heard)); }, [this] { return brain(); },
                            edges_.alarm}) {
  static_assert(std::atomic<bool>::is_always_lock_free, "a signal's handler writes it");
}

port::EngineSink WitnessHeart::sink() {
  return [mailbox = mailbox_](port::EngineEvent event) { mailbox->post(std::move(event)); };
}

void WitnessHeart::run(port::Engine& engine) {
  // Of all that the engine holds it needs the file alone.
  engine.watch(codec::Assembler::kRoot + (place_.cluster.empty() ? "" : place_.cluster + "/spec/"));
  while (!ending_.load()) {
    const auto message = mailbox_->take(kNever);
    if (!message) continue;
    if (const auto* event = std::get_if<port::EngineEvent>(&*message)) take(*event);
    if (const auto* heard = std::get_if<PeersHeard>(&*message)) take_heard(*heard);
  }
}

void WitnessHeart::end() {
  ending_.store(true);
  mailbox_->nudge();
}

std::string WitnessHeart::hears() const {
  const std::lock_guard lock(hears_mutex_);
  return hears_;
}

void WitnessHeart::take(const port::EngineEvent& event) {
  if (const auto* listed = std::get_if<port::Listed>(&event)) {
    reaches_engine_.store(true);
    std::optional<Record> spec;
    for (auto& entry : store_.take(*listed).entries)
      if (entry.path == path::kSpec) spec = std::move(entry.value);
    take_spec(spec);
  } else if (const auto* changed = std::get_if<port::Changed>(&event)) {
    for (const auto& change : store_.take(*changed).changes)
      if (change.path == path::kSpec) take_spec(change.value);
  } else if (std::holds_alternative<port::WatchLost>(event)) {
    reaches_engine_.store(false);
  } else if (std::holds_alternative<port::Resumed>(event)) {
    reaches_engine_.store(true);
  }
}

void WitnessHeart::take_spec(const std::optional<Record>& record) {
  const auto* unreadable = record ? std::get_if<UnreadableRecord>(&*record) : nullptr;
  edges_.alarm("witness/spec",
               unreadable == nullptr ? "" : "the cluster file in the engine cannot be read: " + unreadable->problem);
  if (unreadable != nullptr) return;  // those that were known go on
  const auto* stored = record ? std::get_if<SpecRecord>(&*record) : nullptr;
  const bool named = stored != nullptr && stored->spec->cluster.witness == place_.heart.self.str();
  edges_.alarm("witness/name", stored == nullptr || named
                                   ? ""
                                   : "the cluster file does not name " + place_.heart.self.str() +
                                         " as its witness: it hears nobody, nobody hears it");
  if (!named) return know({});
  patience_ns_.store(stored->spec->cluster.lease.count() / 2);
  auto roster = adapter::heart_roster_of(*stored->spec);
  roster.links.back() = {place_.address};  // the witness comes last
  know(std::move(roster));
}

void WitnessHeart::know(adapter::HeartRoster roster) {
  if (roster == known_) return;
  known_ = std::move(roster);
  heart_.know(known_);
}

void WitnessHeart::take_heard(const PeersHeard& heard) {
  const std::string sentence = sentence_of(heard);
  {
    const std::lock_guard lock(hears_mutex_);
    if (hears_ == sentence) return;
    hears_ = sentence;
  }
  edges_.say("the witness: " + sentence);
}

// A loop that stands still for half a lease is as good as dead, as a host's (S2).
Brain WitnessHeart::brain() const {
  Brain brain;
  brain.turns = mailbox_->age(read_clocks().mono).count() < patience_ns_.load();
  brain.engine = reaches_engine_.load();
  brain.epoch = place_.epoch;
  return brain;
}

}  // namespace haven::daemon
