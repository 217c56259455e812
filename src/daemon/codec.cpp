#include "daemon/codec.hpp"

#include <cstdio>
#include <cstdlib>
#include <type_traits>

#include "daemon/json_fields.hpp"

namespace haven::codec {

#define HAVEN_WORDS(E, ...)                            \
  template <>                                          \
  std::span<const Word<E>> words_of<E>() {             \
    using enum E;                                      \
    static constexpr Word<E> kWords[] = {__VA_ARGS__}; \
    return kWords;                                     \
  }

HAVEN_WORDS(DesiredState, {started, "started"}, {stopped, "stopped"}, {ignored, "ignored"})
HAVEN_WORDS(AwayKind, {restarting, "restarting"}, {leaving, "leaving"}, {down, "down"})
HAVEN_WORDS(FenceState, {intent, "intent"}, {shooting, "shooting"}, {failed, "failed"}, {proved, "proved"})
HAVEN_WORDS(FenceReason, {lost_lease, "lost-lease"}, {silent, "silent"}, {stop_failed, "stop-failed"},
            {storage_lost, "storage-lost"}, {test, "test"})
HAVEN_WORDS(ProofKind, {none, "none"}, {level, "level"}, {operator_word, "operator"}, {returned, "returned"},
            {clean_leave, "clean-leave"}, {promise, "promise"})
HAVEN_WORDS(ClaimOrder, {run, "run"}, {stop, "stop"}, {let_go, "let-go"})
HAVEN_WORDS(RunState, {starting, "starting"}, {running, "running"}, {released, "released"})
HAVEN_WORDS(EndReason, {none, "none"}, {stopped, "stopped"}, {host_leaving, "host-leaving"},
            {start_failed, "start-failed"}, {crashed, "crashed"}, {powered_off, "powered-off"},
            {storage_lost, "storage-lost"}, {stopped_with_host, "stopped-with-host"},
            {frozen_with_host, "frozen-with-host"}, {migrated, "migrated"})
HAVEN_WORDS(Health, {unknown, "unknown"}, {well, "well"}, {ill, "ill"})
HAVEN_WORDS(HandoverPhase, {proving, "proving"}, {handing, "handing"}, {settling, "settling"}, {kept, "kept"},
            {recalling, "recalling"}, {returning, "returning"}, {over, "over"}, {finishing, "finishing"})
HAVEN_WORDS(ArrivalState, {ready, "ready"}, {gone, "gone"})
HAVEN_WORDS(JournalKind, {intent, "intent"}, {fenced, "fenced"}, {proved, "proved"}, {withdrawn, "withdrawn"},
            {tested, "tested"}, {recover, "recover"}, {place, "place"}, {restart, "restart"}, {relocate, "relocate"},
            {migrate, "migrate"}, {stayed, "stayed"}, {capped, "capped"}, {uncapped, "uncapped"}, {repair, "repair"},
            {stop, "stop"}, {place_failed, "place-failed"}, {failed, "failed"}, {freeze, "freeze"},
            {maintenance, "maintenance"}, {engine, "engine"}, {applied, "applied"}, {replace, "replace"},
            {alarm, "alarm"}, {cleared, "cleared"})
#undef HAVEN_WORDS

inline constexpr Range kSmall{0, 1'000'000};
inline constexpr Range kPercent{0, 100};

// Found by the readers and writers of json_fields.hpp, so not hidden in an unnamed namespace.

template <class Io>
void describe(Io& io, typename Io::template Ref<FreezeRecord> r) {
  io.field("by", r.by);
  io.field("cluster", r.cluster);
  io.field("names", r.names);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<EpochRecord> r) {
  io.field("epoch", r.epoch);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<OrderRecord> r) {
  io.field("state", r.state);
  io.field("clear", r.clear);
  io.field("relocate_to", r.relocate_to);
  io.field("migrate_to", r.migrate_to);
  io.field("stay", r.stay);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<LeaderRecord> r) {
  io.field("reign", r.reign);
  io.field("host", r.host);
  io.field("incarnation", r.incarnation);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<MachineIdentity> r) {
  io.field("machine_id", r.machine_id);
  io.field("dmi_uuid", r.dmi_uuid);
  io.field("firmware_uuid", r.firmware_uuid);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<MemberRecord> r) {
  io.field("incarnation", r.incarnation);
  io.field("machine", r.machine);
  io.field("found_none", r.found_none);
  io.field("cpu", r.cpu);
  io.field("memory_mib", r.memory);
  io.field("epoch", r.epoch);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<MachineRecord> r) {
  io.field("machine", r.machine);
  io.field("domain", r.domain);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<AwayRecord> r) {
  io.field("incarnation", r.incarnation);
  io.field("kind", r.kind);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<HeldHost> r) {
  io.field("host", r.host);
  io.field("uuid", r.uuid);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<KeptAway> r) {
  io.field("host", r.host);
  io.field("incarnation", r.incarnation);
  io.field("fence", r.fence);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<StatusRecord> r) {
  io.field("incarnation", r.incarnation);
  io.field("spec", r.spec);
  io.field("hypervisor", r.hypervisor);
  io.field("found", r.found);
  io.field("storage_lost", r.storage_lost);
  io.field("problems", r.problems);
  io.field("holds", r.holds);
  io.field("kept_away", r.kept_away);
  io.field("uplink_lost", r.uplink_lost);
  io.field("others_cpu", r.others.cpu);
  io.field("others_memory_mib", r.others.memory);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<CalendarRecord> r) {
  io.field("open", r.open);
  io.field("at_ms", r.at);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<Need> r) {
  io.field("kind", r.kind);
  io.field("name", r.name);
  io.field("resources", r.resources);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<QuestionRecord> r) {
  io.field("id", r.id);
  io.field("needs", r.needs);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<Unfit> r) {
  io.field("resource", r.resource);
  io.field("why", r.why);
  io.field("state", r.state);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<FitRecord> r) {
  io.field("incarnation", r.incarnation);
  io.field("unfit", r.unfit);
  io.field("answered", r.answered);
  io.field("answer", r.answer);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<GuestFigures> r) {
  io.field("guest", r.guest);
  io.number("cpu_thousandths", r.cpu.count, kNatural);
  io.number("waiting_thousandths", r.waiting.count, kNatural);
  io.field("memory_mib", r.memory);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<LoadRecord> r) {
  io.field("incarnation", r.incarnation);
  io.number("cpu_thousandths", r.host.cpu.count, kNatural);
  io.field("memory_mib", r.host.memory);
  io.number("cpu_some_percent", r.host.cpu_some, kPercent);
  io.number("cpu_full_percent", r.host.cpu_full, kPercent);
  io.number("memory_some_percent", r.host.memory_some, kPercent);
  io.field("guests", r.guests);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<AdvisedMove> r) {
  io.field("guest", r.guest);
  io.field("from", r.from);
  io.field("to", r.to);
  io.field("why", r.why);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<NamedHog> r) {
  io.field("guest", r.guest);
  io.field("host", r.host);
  io.field("text", r.text);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<BalancingMove> r) {
  io.field("guest", r.guest);
  io.field("from", r.from);
  io.field("to", r.to);
  io.field("over", r.over);
  io.field("at_ms", r.at);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<HeldHog> r) {
  io.field("guest", r.guest);
  io.field("host", r.host);
  io.field("generation", r.generation);
  io.number("share_thousandths", r.share.count, kNatural);
  io.field("since_ms", r.since);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<BalanceRecord> r) {
  io.field("moves", r.moves);
  io.field("remarks", r.remarks);
  io.field("hogs", r.hogs);
  io.field("past", r.past);
  io.field("at_ms", r.at);
  io.field("held", r.held);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<AnswerRecord> r) {
  io.field("intent", r.intent);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<QuarantineRecord> r) {
  io.number("losses", r.losses, kSmall);
  io.field("closed", r.closed);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<MaintenanceRecord> r) {
  io.field("on", r.on);
  io.field("by", r.by);
  io.field("moved", r.moved);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<DawnRecord> r) {
  io.field("by", r.by);
  io.field("incarnation", r.incarnation);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<FenceRecord> r) {
  io.maybe("reign", r.reign);
  io.field("state", r.state);
  io.field("reason", r.reason);
  io.field("proof", r.proof);
  io.number("level", r.level, kSmall);
  io.number("attempts", r.attempts, kSmall);
  io.field("by", r.by);
  io.field("at_ms", r.at);
  io.field("power_on", r.power_on);
  io.field("late_shots", r.late_shots);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<ProbedDevice> r) {
  io.field("device", r.device);
  io.field("problem", r.problem);
  io.field("guid", r.guid);
  io.field("foreign", r.foreign);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<DeviceTest> r) {
  io.number("level", r.level, kSmall);
  io.field("devices", r.devices);
  io.field("machine_id", r.machine_id);
  io.field("passed", r.passed);
  io.field("why", r.why);
  io.field("by", r.by);
  io.field("at_ms", r.at);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<DevicesRecord> r) {
  io.field("devices", r.devices);
  io.field("tests", r.tests);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<PromiseRecord> r) {
  io.field("incarnation", r.incarnation);
  io.field("deadline_ns", r.deadline);
  io.field("watchdog_ns", r.watchdog);
  io.field("voters", r.voters);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<VotersRecord> r) {
  io.field("next", r.next);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<Attempts> r) {
  io.field("tried", r.tried);
  io.field("failed", r.failed);
  io.number("retries", r.retries, kSmall);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<Migration> r) {
  io.field("host", r.host);
  io.field("incarnation", r.incarnation);
  io.field("generation", r.generation);
  io.field("cancelled", r.cancelled);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<ArrivalRecord> r) {
  io.field("host", r.host);
  io.field("incarnation", r.incarnation);
  io.field("generation", r.generation);
  io.field("state", r.state);
  io.field("detail", r.detail);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<ClaimRecord> r) {
  io.field("host", r.host);
  io.field("incarnation", r.incarnation);
  io.field("generation", r.generation);
  io.field("order", r.order);
  io.field("move_to", r.move_to);
  io.field("attempts", r.attempts);
  io.field("epoch", r.epoch);
  io.field("migrating_to", r.migrating_to);
  io.field("spent", r.spent);
  io.field("resume", r.resume);
  io.field("links_up", r.links.up);
  io.number("links_turn", r.links.turn, kNatural);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<HandoverRecord> r) {
  io.field("predecessor", r.predecessor);
  io.field("asked_ms", r.asked);
  io.field("phase", r.phase);
  io.field("why", r.why);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<Treatment> r) {
  io.number("step", r.step, kSmall);
  io.field("at_ms", r.at);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<HealthNote> r) {
  io.field("state", r.state);
  io.field("why", r.why);
  io.field("hung", r.hung);
  io.field("called_up", r.called_up);
  io.number("under_way", r.under_way, kSmall);
  io.field("treatments", r.treatments);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<RunRecord> r) {
  io.field("host", r.host);
  io.field("incarnation", r.incarnation);
  io.field("generation", r.generation);
  io.field("state", r.state);
  io.field("end", r.end);
  io.field("detail", r.detail);
  io.field("paused", r.paused);
  io.field("stop_failed", r.stop_failed);
  io.field("unsettled", r.unsettled);
  io.field("restarts_ms", r.restarts);
  io.field("stayed", r.stayed);
  io.field("health", r.health);
  io.number("links_turn", r.links_turn, kNatural);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<JournalReason> r) {
  io.maybe("host", r.host);
  io.field("reason", r.reason);
}
template <class Io>
void describe(Io& io, typename Io::template Ref<JournalRecord> r) {
  io.field("at_ms", r.at);
  io.maybe("by", r.by);
  io.field("kind", r.kind);
  io.maybe("resource", r.resource);
  io.maybe("host", r.host);
  io.maybe("from", r.from);
  io.field("level", r.level);
  io.field("why", r.why);
  io.field("reasons", r.reasons);
}

namespace {

[[noreturn]] void never_written(const char* what) {
  std::fprintf(stderr, "havend: defect: asked to write %s\n", what);
  std::abort();
}

template <class R>
Record read_as(const Json& json) {
  R record;
  std::string problem;
  Reader reader(json, problem);
  describe(reader, record);
  reader.finish();
  if (!problem.empty()) return UnreadableRecord{problem};
  return record;
}

using ReadRecord = Record (*)(const Json&);

ReadRecord reader_for(const std::string& kind) {
  static const std::map<std::string, ReadRecord> kReaders = {
      {"spec/order", read_as<OrderRecord>},
      {"leader", read_as<LeaderRecord>},
      {"member", read_as<MemberRecord>},
      {"machine", read_as<MachineRecord>},
      {"away", read_as<AwayRecord>},
      {"status", read_as<StatusRecord>},
      {"quarantine", read_as<QuarantineRecord>},
      {"maintenance", read_as<MaintenanceRecord>},
      {"dawn", read_as<DawnRecord>},
      {"answer", read_as<AnswerRecord>},
      {"fence", read_as<FenceRecord>},
      {"device", read_as<DevicesRecord>},
      {"claim", read_as<ClaimRecord>},
      {"run", read_as<RunRecord>},
      {"arrival", read_as<ArrivalRecord>},
      {"handover", read_as<HandoverRecord>},
      {"journal", read_as<JournalRecord>},
      {"epoch", read_as<EpochRecord>},
      {"promise", read_as<PromiseRecord>},
      {"voters", read_as<VotersRecord>},
      {"question", read_as<QuestionRecord>},
      {"fit", read_as<FitRecord>},
      {"load", read_as<LoadRecord>},
      {"balance", read_as<BalanceRecord>},
      {"calendar", read_as<CalendarRecord>},
  };
  const auto it = kReaders.find(kind);
  return it == kReaders.end() ? nullptr : it->second;
}

// What the path itself says must be well formed too: it names whom the record is about.
bool names_are_well_formed(const path::Parts& parts) {
  if (parts.kind == "question") return parts.first == "portability" && parts.second.empty();
  if (parts.kind == "leader" || parts.kind == "journal" || parts.kind == "voters") return true;
  if (parts.kind == "epoch" || parts.kind == "dawn" || parts.kind == "balance") return parts.first.empty();
  if (parts.kind == "claim" || parts.kind == "run" || parts.kind == "calendar" || parts.kind == "arrival" ||
      parts.kind == "handover" || parts.kind == "spec/order") {
    return well_formed(ResourceName(parts.first));
  }
  if (!well_formed(HostName(parts.first))) return false;
  const bool per_boot = parts.kind == "fence" || parts.kind == "answer";
  return per_boot ? well_formed(Incarnation(parts.second)) : parts.second.empty();
}

}  // namespace

std::string encode(const Record& record) {
  return std::visit(
      [](const auto& r) -> std::string {
        using R = std::decay_t<decltype(r)>;
        if constexpr (std::is_same_v<R, SpecRecord>) {
          never_written("a spec as one record");
        } else if constexpr (std::is_same_v<R, UnreadableRecord>) {
          never_written("an unreadable record");
        } else {
          // Libvirt's and agents' words need not be UTF-8: what is not is replaced, never thrown about.
          return Writer::json_of(r).dump(-1, ' ', false, Json::error_handler_t::replace);
        }
      },
      record);
}

std::optional<Record> decode(const std::string& path, std::string_view bytes) {
  const path::Parts parts = path::split(path);
  const ReadRecord read = path == path::kFreeze ? &read_as<FreezeRecord> : reader_for(parts.kind);
  if (read == nullptr) return std::nullopt;
  if (path != path::kFreeze && !names_are_well_formed(parts)) return UnreadableRecord{"a malformed key"};
  const Json json = Json::parse(bytes, nullptr, false);
  if (json.is_discarded()) return UnreadableRecord{"it is no JSON"};
  return read(json);
}

const char* word(JournalKind kind) { return word_of(kind); }

}  // namespace haven::codec
