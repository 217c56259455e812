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

namespace engine_key {

std::string of(const std::string& cluster, const std::string& path) {
  return codec::Assembler::kRoot + cluster + "/" + path;
}
std::string folder(const std::string& cluster) { return of(cluster, "engine/"); }
std::string seat(const std::string& cluster, const std::string& name) { return folder(cluster) + "seat/" + name; }
std::string change(const std::string& cluster) { return folder(cluster) + "change"; }

}  // namespace engine_key

std::string encode(const SeatRecord& seat) { return codec::Writer::json_of(seat).dump(); }

EngineRecords read_engine_records(const std::string& cluster, const port::Listed& listed) {
  EngineRecords records;
  const std::string seats = engine_key::seat(cluster, "");
  for (const auto& entry : listed.entries) {
    if (entry.key == engine_key::change(cluster)) {
      records.change = entry.value;
      records.change_mod = entry.mod;
    }
    if (!entry.key.starts_with(seats)) continue;
    const std::string name = entry.key.substr(seats.size());
    const auto json = codec::Json::parse(entry.value, nullptr, false);
    std::string problem;
    SeatRecord seat;
    codec::Reader reader(json, problem);
    if (problem.empty()) describe(reader, seat);
    reader.finish();
    if (problem.empty() && codec::is_name(name)) records.seats[name] = {seat, entry.mod};
  }
  return records;
}

}  // namespace haven::daemon
