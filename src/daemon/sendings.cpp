#include "daemon/sendings.hpp"

#include <algorithm>
#include <utility>

#include "daemon/json_fields.hpp"
#include "daemon/spec_store.hpp"

namespace haven::daemon {

template <class Io>
void describe(Io& io, typename Io::template Ref<SendingFigures> f) {
  io.number("percent", f.percent, {0, 99});
  io.number("left_bytes", f.left_bytes, codec::kNatural);
  io.number("elapsed_ms", f.elapsed_ms, codec::kNatural);
  io.field("stuck", f.stuck);
}

template <class Io>
void describe(Io& io, typename Io::template Ref<SendingRecord> r) {
  io.field("incarnation", r.incarnation);
  io.field("guests", r.guests);
}

namespace {

constexpr Duration kCommit = 5s;
constexpr std::uint64_t kMiB = 1024 * 1024;
// A bound for what any libvirt may tell, so that it can be written.
constexpr auto kMost = static_cast<std::uint64_t>(codec::kMaxCount);

std::string rate(std::uint64_t bytes) { return std::to_string((bytes + kMiB / 2) / kMiB) + " MiB"; }

// As `virsh migrate --verbose` counts.
int percent_of(const port::Sending& sending) {
  if (sending.total == 0 || sending.left >= sending.total) return 0;
  const double sent = 1.0 - static_cast<double>(sending.left) / static_cast<double>(sending.total);
  return std::min(static_cast<int>(sent * 100), 99);
}

// In the first round everything is still to go, whatever the guest changes.
bool is_outrun(const port::Sending& sending) {
  return sending.round >= 2 && sending.changed_each_second > 0 &&
         sending.changed_each_second >= sending.sent_each_second;
}

}  // namespace

std::string encode(const SendingRecord& record) { return codec::Writer::json_of(record).dump(); }

std::optional<SendingRecord> decode_sending(const std::string& value) {
  const auto json = codec::Json::parse(value, nullptr, false);
  std::string problem;
  SendingRecord record;
  codec::Reader reader(json, problem);
  if (problem.empty()) describe(reader, record);
  reader.finish();
  return problem.empty() ? std::optional(std::move(record)) : std::nullopt;
}

void Sendings::note(const port::Sending& sending, Instant now) {
  const std::lock_guard lock(mutex_);
  std::erase_if(courses_, [&](const auto& one) { return now >= one.second.told + kSendingFades; });
  const auto [it, fresh] = courses_.try_emplace(sending.uuid, Course{sending, now, now, {}});
  Course& course = it->second;
  // Less than before, or its beginning: it is another move of the same guest.
  if (!fresh && (sending.elapsed < course.last.elapsed || sending.total == 0)) course = {sending, now, now, {}};
  if (sending.sent > course.last.sent) course.grew = now;
  if (!is_outrun(sending)) course.outrun.reset();
  if (is_outrun(sending) && !course.outrun) course.outrun = now;
  course.last = sending;
  course.told = now;
}

std::map<std::string, SendingFigures> Sendings::figures(Instant now) const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, SendingFigures> result;
  for (const auto& [uuid, course] : courses_) {
    if (now >= course.told + kSendingFades || course.last.total == 0) continue;
    const port::Sending& last = course.last;
    SendingFigures figures;
    figures.percent = percent_of(last);
    figures.left_bytes = static_cast<std::int64_t>(std::min(last.left, kMost));
    figures.elapsed_ms = std::chrono::duration_cast<std::chrono::milliseconds>(last.elapsed).count();
    if (course.outrun && now >= *course.outrun + kNoHeadway)
      figures.stuck = "its guest changes " + rate(last.changed_each_second) + " of memory each second, " +
                      rate(last.sent_each_second) + " go over";
    if (now >= course.grew + kNoHeadway)
      figures.stuck = "nothing has gone over for " +
                      std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now - course.grew).count()) +
                      " s";
    result.emplace(uuid, std::move(figures));
  }
  return result;
}

namespace {

// By the resource's name; domains that are none of the file's are nobody's business.
std::map<std::string, SendingFigures> named(const View& view, const Sendings& sendings, Instant now) {
  std::map<std::string, SendingFigures> result;
  auto figures = sendings.figures(now);
  if (view.spec() == nullptr || figures.empty()) return result;
  for (const Resource& resource : view.spec()->resources)
    if (const auto it = figures.find(resource.uuid); it != figures.end())
      result.emplace(resource.name.str(), std::move(it->second));
  return result;
}

bool claimed_by(const View& view, const ResourceName& guest, const HostName& host) {
  const auto claim = view.claims.find(guest);
  return claim != view.claims.end() && claim->second.value.host == host;
}

}  // namespace

std::map<std::string, SendingFigures> sendings_seen(const Runtime::Sight& sight, const HostName& here,
                                                    const Sendings* sendings) {
  const View& view = sight.node.view();
  std::map<std::string, SendingFigures> seen;
  if (sendings != nullptr) seen = named(view, *sendings, sight.now.mono);
  for (const auto& [name, value] : sight.store.sendings()) {
    const HostName host(name);
    const MemberRecord* member = member_of(view, host);
    const auto record = host == here || member == nullptr ? std::nullopt : decode_sending(value);
    if (!record || record->incarnation != member->incarnation) continue;
    for (const auto& [guest, figures] : record->guests)
      if (claimed_by(view, ResourceName(guest), host)) seen.try_emplace(guest, figures);
  }
  return seen;
}

SendingsTold::SendingsTold(Runtime& runtime, const Sendings& sendings, LocalAlarms& alarms, HostName here,
                           Incarnation incarnation)
    : runtime_(runtime),
      sendings_(sendings),
      alarms_(alarms),
      here_(std::move(here)),
      incarnation_(std::move(incarnation)),
      thread_([this] { serve(); }) {}

SendingsTold::~SendingsTold() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void SendingsTold::serve() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, port::kSendingTold, [this] { return ending_; })) {
    lock.unlock();
    const Instant now = read_clocks().mono;
    Known known;
    const bool nothing = silent_ && sendings_.figures(now).empty();
    if (!nothing && see(known)) tell(known, now);
    lock.lock();
  }
}

bool SendingsTold::see(Known& known) const {
  return runtime_.see([&](const Runtime::Sight& sight) {
    const View& view = sight.node.view();
    const MemberRecord* member = member_of(view, here_);
    known.registered = view.listed() && member != nullptr && member->incarnation == incarnation_;
    known.member = sight.store.key(path::member(here_));
    known.member_mod = view.mod_of(path::member(here_));
    known.key = sight.store.key(codec::Assembler::kSendings + here_.str());
    const auto said = sight.store.sendings().find(here_.str());
    if (said != sight.store.sendings().end()) known.said = said->second;
    known.guests = named(view, sendings_, sight.now.mono);
  });
}

void SendingsTold::tell(const Known& known, Instant now) {
  std::vector<std::string> stuck;
  SendingRecord record{incarnation_, {}};
  for (const auto& [guest, figures] : known.guests) {
    if (figures.elapsed_ms >= std::chrono::duration_cast<std::chrono::milliseconds>(kWorthTelling).count())
      record.guests.emplace(guest, figures);
    // Without its numbers, which change: an alarm is told once.
    if (!figures.stuck.empty())
      stuck.push_back("the live move of " + guest +
                      " makes no headway; more bandwidth in havend.toml would help it, haven migrate " + guest +
                      " --abort ends it");
  }
  alarms_.replace("moving", std::move(stuck));
  if (!known.registered) return;
  const std::string value = record.guests.empty() ? "" : encode(record);
  silent_ = value.empty() && known.said.empty();
  const bool early = !value.empty() && told_ && now < *told_ + kSendingsTold;
  if (value == known.said || early) return;
  port::Transaction transaction;
  transaction.compares.push_back({known.member, known.member_mod});
  transaction.operations.emplace_back(value.empty() ? port::Operation(port::Delete{known.key})
                                                    : port::Operation(port::Put{known.key, value, {}}));
  told_ = now;
  // Lost or refused, the next look says it again.
  (void)runtime_.commit(std::move(transaction), kCommit);
}

}  // namespace haven::daemon
