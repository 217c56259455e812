#include "sim/pulse.hpp"

#include <algorithm>
#include <utility>

namespace haven::sim {
namespace {

// A kernel keeps about this many packets for a process that does not read them.
constexpr std::size_t kSocketHolds = 256;
// After the last change everybody has been heard or missed within `suspect`, and told the others, within this many
// intervals more.
constexpr int kIntervalsMore = 4;

}  // namespace

Pulse::Pulse(Queue& queue, Network& network, std::vector<Machine*> machines, std::vector<Havend*> havends,
             std::function<std::shared_ptr<const Spec>()> spec)
    : queue_(queue),
      network_(network),
      machines_(std::move(machines)),
      havends_(std::move(havends)),
      spec_(std::move(spec)),
      ears_(machines_.size()) {}

// A hearing begins and ends with its havend; the witness's with its machine's boot.
void Pulse::attend(std::size_t m) {
  Ear& ear = ears_[m];
  const Machine& machine = *machines_[m];
  const bool host = m < havends_.size();
  const bool there = machine.on() && (!host || havends_[m]->alive());
  const std::uint64_t life = host ? havends_[m]->life() : 0;
  if (ear.hearing && (!there || ear.boot != machine.incarnation() || ear.havend_life != life)) {
    ear.hearing.reset();
    ++ear.life;
  }
  if (ear.hearing || !there) return;
  ear.hearing.emplace(machine.name(), machine.incarnation());
  ear.boot = machine.incarnation();
  ear.havend_life = life;
  ear.edition = 0;
  ear.armed = kNever;
  ear.waiting = 0;
  take_roster(m);
}

// A havend knows the roster once it has read the file from the engine.
void Pulse::take_roster(std::size_t m) {
  Ear& ear = ears_[m];
  if (m >= havends_.size()) return ear.hearing->take_roster(roster(), clock(m).mono);
  const View& view = havends_[m]->node()->view();
  if (view.spec() == nullptr || view.spec_edition() == ear.edition) return;
  ear.edition = view.spec_edition();
  ear.hearing->take_roster(roster_of(*view.spec()), clock(m).mono);
}

void Pulse::stir() {
  wake();
  const PeerRoster now = roster();
  stay_awake(now.suspect + kIntervalsMore * now.heartbeat);
  for (std::size_t m = 0; m < ears_.size(); ++m) {
    attend(m);
    if (ears_[m].hearing) arm(m);
  }
}

void Pulse::wake() {
  if (std::exchange(awake_, true)) return;
  const Duration passed = queue_.now() - slept_;
  for (Ear& ear : ears_)
    if (ear.hearing && !ear.hung) ear.hearing->skip(passed);
}

void Pulse::stay_awake(Duration time) {
  awake_until_ = std::max(awake_until_, queue_.now() + time);
  sleep_when_quiet();
}

void Pulse::sleep_when_quiet() {
  if (std::exchange(sleep_armed_, true)) return;
  queue_.at(awake_until_, [this] {
    sleep_armed_ = false;
    if (queue_.now() < awake_until_) return sleep_when_quiet();
    awake_ = false;
    slept_ = queue_.now();
    for (std::size_t m = 0; m < ears_.size(); ++m) ears_[m].hung = machines_[m]->hung();
  });
}

void Pulse::arm(std::size_t m) {
  Ear& ear = ears_[m];
  // Until it knows a roster, it looks for one now and then.
  constexpr Duration kLookForRoster = 20ms;
  const Instant wish = ear.hearing->wake_at();
  if (ear.hearing->roster().members.empty() && !machines_[m]->hung()) stay_awake(2 * kLookForRoster);
  const Instant due =
      wish == kNever ? queue_.now() + kLookForRoster : std::max(machines_[m]->to_world(wish), queue_.now());
  if (due >= ear.armed) return;
  ear.armed = due;
  machines_[m]->after(due - queue_.now(), [this, m, life = ear.life, due] {
    Ear& there = ears_[m];
    if (!there.hearing || there.life != life || there.armed != due) return;
    there.armed = kNever;
    if (awake_) tick(m);
  });
}

void Pulse::tick(std::size_t m) {
  Ear& ear = ears_[m];
  take_roster(m);
  if (m < havends_.size()) ear.hearing->take_brain({true, havends_[m]->node()->reaches_engine(), 0, Load::idle});
  if (ear.hearing->turn(clock(m).mono)) send(m);
  tell(m);
  arm(m);
}

void Pulse::send(std::size_t m) {
  const Hearing& hearing = *ears_[m].hearing;
  std::vector<Parcel> parcels;
  const std::size_t members = std::min(hearing.members(), machines_.size());
  for (std::size_t to = 0; to < members; ++to)
    for (std::size_t link = 0; link < hearing.links_to(to); ++link)
      if (network_.carries(m, to, link)) parcels.push_back({to, hearing.compose(to, link)});
  if (parcels.empty()) return;
  queue_.after(kMessage, [this, m, parcels = std::move(parcels)] {
    for (const Parcel& parcel : parcels) deliver(m, parcel);
  });
}

void Pulse::deliver(std::size_t from, const Parcel& parcel) {
  const std::size_t to = parcel.to;
  Ear& ear = ears_[to];
  Machine& machine = *machines_[to];
  if (!machine.on()) return;
  ++delivered_;
  if (ear.hearing && machine.hung()) {
    if (ear.waiting >= kSocketHolds) return;
    ++ear.waiting;
    return machine.after(Duration::zero(), [this, to, life = ear.life, packet = parcel.packet] {
      if (!ears_[to].hearing || ears_[to].life != life) return;
      --ears_[to].waiting;
      receive(to, packet);
    });
  }
  if (ear.hearing) return receive(to, parcel.packet);
  // Its kernel answers that nobody listens there.
  Ear& sender = ears_[from];
  if (!machine.hung() && sender.hearing && !machines_[from]->hung() && network_.carries(to, from, parcel.packet.link))
    sender.hearing->take_refusal(to, clock(from).mono);
}

void Pulse::receive(std::size_t m, const Heartbeat& packet) {
  Hearing& hearing = *ears_[m].hearing;
  (void)hearing.take(packet, clock(m).mono);
  tell(m);
  arm(m);
}

void Pulse::tell(std::size_t m) {
  auto news = ears_[m].hearing->news();
  if (!news) return;
  stay_awake(kIntervalsMore * ears_[m].hearing->roster().heartbeat);
  if (m >= havends_.size()) return;
  machines_[m]->after(Duration::zero(), [this, m, life = ears_[m].life, news = std::move(*news)] {
    if (ears_[m].life == life) havends_[m]->tell(news);
  });
}

}  // namespace haven::sim
