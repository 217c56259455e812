#include "daemon/etcd_member/seats.hpp"

#include "daemon/json_fields.hpp"
#include "daemon/spec_store.hpp"

namespace haven::daemon {

template <class Io>
void describe(Io& io, typename Io::template Ref<SeatRecord> s) {
  io.field("address", s.address);
  io.field("witness", s.witness);
  io.field("left", s.left);
}

template <class Io>
void describe(Io& io, typename Io::template Ref<ToldMember> m) {
  io.field("name", m.name);
  io.field("voter", m.voter);
}

namespace {

struct MembersRecord {
  ToldMembers members;
};
template <class Io>
void describe(Io& io, typename Io::template Ref<MembersRecord> r) {
  io.field("members", r.members);
}

// nullopt: it cannot be read.
template <class R>
std::optional<R> decoded(const std::string& value) {
  const auto json = codec::Json::parse(value, nullptr, false);
  std::string problem;
  R record;
  codec::Reader reader(json, problem);
  if (problem.empty()) describe(reader, record);
  reader.finish();
  return problem.empty() ? std::optional(std::move(record)) : std::nullopt;
}

}  // namespace

namespace engine_key {

std::string of(const std::string& cluster, const std::string& path) {
  return codec::Assembler::kRoot + cluster + "/" + path;
}
std::string folder(const std::string& cluster) { return of(cluster, "engine/"); }
std::string seat(const std::string& cluster, const std::string& name) { return folder(cluster) + "seat/" + name; }
std::string change(const std::string& cluster) { return folder(cluster) + "change"; }
std::string members(const std::string& cluster) { return folder(cluster) + "members"; }

}  // namespace engine_key

std::string encode(const SeatRecord& seat) { return codec::Writer::json_of(seat).dump(); }

std::string encode(const ToldMembers& members) { return codec::Writer::json_of(MembersRecord{members}).dump(); }

EngineRecords read_engine_records(const std::string& cluster, const port::Listed& listed) {
  EngineRecords records;
  const std::string seats = engine_key::seat(cluster, "");
  for (const auto& entry : listed.entries) {
    if (entry.key == engine_key::change(cluster)) {
      records.change = entry.value;
      records.change_mod = entry.mod;
    }
    if (entry.key == engine_key::members(cluster)) {
      if (auto told = decoded<MembersRecord>(entry.value)) records.told = std::move(told->members);
      records.told_mod = entry.mod;
    }
    if (!entry.key.starts_with(seats)) continue;
    const std::string name = entry.key.substr(seats.size());
    const auto seat = decoded<SeatRecord>(entry.value);
    if (seat && codec::is_name(name)) records.seats[name] = {*seat, entry.mod};
  }
  return records;
}

}  // namespace haven::daemon
