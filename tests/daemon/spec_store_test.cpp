#include "daemon/spec_store.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "daemon/codec.hpp"
#include "daemon/random_record.hpp"

namespace haven {
namespace {

using codec::Assembler;
using codec::SpecDocument;
using test::Draw;

SpecDocument document_of(std::uint64_t seed) {
  Draw draw(seed);
  SpecDocument document;
  document.file_name = draw.text();
  document.text = draw.text();
  auto spec = std::make_shared<Spec>(draw.spec());
  for (const Resource& r : spec->resources) {
    if (!r.xml.empty()) document.domains[r.name.str() + ".xml"] = r.xml;
  }
  document.spec = spec;
  return document;
}

// An engine's content, and the listing or the change that tells it.
struct Keys {
  port::Listed listed{.entries = {}, .revision = {1}};
  void put(const std::string& key, const std::string& value) {
    ++listed.revision.count;
    listed.entries.push_back({key, value, listed.revision, listed.revision, {}});
  }
  void put(const std::string& cluster, const codec::CutDocument& cut) {
    for (const auto& chunk : cut.chunks) put("/haven/" + cluster + "/" + chunk.path, chunk.value);
    put("/haven/" + cluster + "/spec/current", cut.current);
  }
  [[nodiscard]] port::Changed as_change() const {
    port::Changed changed{.changes = {}, .revision = listed.revision};
    for (const auto& e : listed.entries) changed.changes.push_back({e.key, false, e.value, e.mod, e.create, {}});
    return changed;
  }
};

const Record* record_at(const EngineListed& listed, const std::string& path) {
  for (const auto& entry : listed.entries) {
    if (entry.path == path) return &entry.value;
  }
  return nullptr;
}
std::string problem_at(const EngineListed& listed, const std::string& path) {
  const Record* record = record_at(listed, path);
  if (record == nullptr || !std::holds_alternative<UnreadableRecord>(*record)) return "";
  return std::get<UnreadableRecord>(*record).problem;
}

TEST(SpecStore, ADocumentIsReadBackAsItWasWritten) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    const SpecDocument document = document_of(seed);
    const auto read = codec::read_document(codec::write_document(document));
    RC_ASSERT(read.has_value());
    RC_ASSERT(read->text == document.text && read->file_name == document.file_name);
    RC_ASSERT(read->domains == document.domains);
    RC_ASSERT(*read->spec == *document.spec);
  }));
}

TEST(SpecStore, GarbageIsAnsweredNotThrown) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    Draw draw(seed);
    std::string bytes = codec::write_document(document_of(seed));
    const auto place = static_cast<std::size_t>(draw.number(0, static_cast<std::int64_t>(bytes.size()) - 1));
    bytes[place] = static_cast<char>(draw.number(-128, 127));
    (void)codec::read_document(bytes);
    bytes.resize(place);
    RC_ASSERT(!codec::read_document(bytes).has_value());
  }));
}

TEST(SpecStore, ALargeDocumentIsCutAndPutTogether) {
  SpecDocument document = document_of(3);
  document.text.assign(3 * codec::kChunkBytes, 'x');
  const auto cut = codec::cut(document);
  ASSERT_TRUE(cut.has_value()) << cut.error();
  ASSERT_GT(cut->chunks.size(), 2u);
  for (const auto& chunk : cut->chunks) EXPECT_LE(chunk.value.size(), codec::kChunkBytes);
  Keys keys;
  keys.put("prod", *cut);
  Assembler assembler("");
  const auto listed = assembler.take(keys.listed);
  ASSERT_EQ(listed.entries.size(), 1u);
  EXPECT_EQ(listed.entries[0].path, path::kSpec);
  EXPECT_EQ(listed.entries[0].mod, keys.listed.revision);
  EXPECT_EQ(listed.entries[0].value, Record(SpecRecord{document.spec}));
  EXPECT_EQ(assembler.cluster(), "prod");
  EXPECT_EQ(assembler.stored().id, cut->id);
  EXPECT_EQ(assembler.stored().chunks.size(), cut->chunks.size());
  EXPECT_EQ(assembler.stored().document->text, document.text);
}

TEST(SpecStore, LearnsTheClusterWithItsFirstSpec) {
  Assembler assembler("");
  EXPECT_TRUE(assembler.take(port::Listed{.entries = {}, .revision = {1}}).entries.empty());
  EXPECT_EQ(assembler.cluster(), "");
  Keys keys;
  keys.put("prod", *codec::cut(document_of(1)));
  const auto changed = assembler.take(keys.as_change());
  ASSERT_EQ(changed.changes.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<SpecRecord>(*changed.changes[0].value));
  EXPECT_EQ(assembler.key("leader"), "/haven/prod/leader");
}

TEST(SpecStore, TwoClustersInOneEngineAreNotGuessedBetween) {
  Keys keys;
  keys.put("prod", *codec::cut(document_of(1)));
  keys.put("test", *codec::cut(document_of(2)));
  Assembler unsure("");
  EXPECT_TRUE(unsure.take(keys.listed).entries.empty());
  EXPECT_EQ(unsure.ambiguity(), "the engine holds several clusters: prod test");
  Assembler told("test");
  const auto listed = told.take(keys.listed);
  EXPECT_EQ(*record_at(listed, path::kSpec), Record(SpecRecord{document_of(2).spec}));
}

TEST(SpecStore, AFlipThatDeletesTheOldPiecesIsUnderstood) {
  Assembler assembler("prod");
  Keys before;
  const auto old = *codec::cut(document_of(1));
  before.put("prod", old);
  (void)assembler.take(before.listed);
  const auto next = *codec::cut(document_of(2));
  port::Changed changed{.changes = {}, .revision = {90}};
  for (const auto& chunk : next.chunks)
    changed.changes.push_back({assembler.key(chunk.path), false, chunk.value, {80}, {80}, {}});
  for (const auto& chunk : old.chunks) changed.changes.push_back({assembler.key(chunk.path), true, "", {90}, {}, {}});
  changed.changes.push_back({assembler.key(path::kSpec), false, next.current, {90}, {5}, {}});
  const auto result = assembler.take(changed);
  ASSERT_EQ(result.changes.size(), 1u);
  EXPECT_EQ(*result.changes[0].value, Record(SpecRecord{document_of(2).spec}));
  EXPECT_EQ(assembler.stored().chunks.size(), next.chunks.size());
}

TEST(SpecStore, AMissingOrAlteredPieceIsUnreadable) {
  const auto cut = *codec::cut(document_of(1));
  Keys missing;
  missing.put("/haven/prod/spec/current", cut.current);
  EXPECT_EQ(problem_at(Assembler("prod").take(missing.listed), path::kSpec), "piece 0 of the spec is missing");
  auto other = cut;
  other.chunks[0].value += " ";
  Keys altered;
  altered.put("prod", other);
  Assembler assembler("prod");
  EXPECT_EQ(problem_at(assembler.take(altered.listed), path::kSpec), "the pieces of the spec do not match their hash");
  EXPECT_EQ(assembler.stored().document, nullptr);
  EXPECT_EQ(assembler.stored().mod, altered.listed.revision);
}

TEST(SpecStore, WhatIsTooLargeIsRefused) {
  SpecDocument document = document_of(1);
  document.text = std::string(codec::kMaxChunks * codec::kChunkBytes, 'x');
  EXPECT_FALSE(codec::cut(document).has_value());
}

TEST(SpecStore, OtherRecordsComeWithTheirPaths) {
  Keys keys;
  keys.put("/haven/prod/spec/freeze", codec::encode(FreezeRecord{"anna"}));
  keys.put("/haven/prod/claim/web1", "nonsense");
  keys.put("/haven/prod/novelty/web1", "nonsense");
  keys.put("/haven/other/spec/freeze", codec::encode(FreezeRecord{"otto"}));
  const auto listed = Assembler("prod").take(keys.listed);
  ASSERT_EQ(listed.entries.size(), 2u);
  EXPECT_EQ(*record_at(listed, "spec/freeze"), Record(FreezeRecord{"anna"}));
  EXPECT_EQ(problem_at(listed, "claim/web1"), "it is no JSON");
}

}  // namespace
}  // namespace haven
