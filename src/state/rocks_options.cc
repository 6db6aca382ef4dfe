#include "state/rocks_options.h"

#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

namespace leat::state {

rocksdb::DBOptions database_options(const Store::Options& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = !options.read_only;
  db.paranoid_checks = true;
  // A torn last record is what a crash leaves; anything else that is damaged must stop us.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.db_write_buffer_size = options.write_buffer_bytes;
  db.max_total_wal_size = 4 * options.write_buffer_bytes;
  db.max_background_jobs = 2;
  db.max_open_files = 512;
  db.bytes_per_sync = 1u << 20;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.keep_log_file_num = 2;
  db.max_log_file_size = 1u << 20;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  return db;
}

rocksdb::ColumnFamilyOptions family_options(const Store::Options& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  // In parts: a whole filter is as large as many keys are, and would be read anew for each lookup
  // once all of them together are larger than the cache.
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_top_level_index_and_filter = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.write_buffer_size = options.write_buffer_bytes / 2;
  family.level0_file_num_compaction_trigger = 16;
  family.level0_slowdown_writes_trigger = 32;
  family.level0_stop_writes_trigger = 48;
  family.max_bytes_for_level_base = 1u << 30;
  family.target_file_size_base = 64u << 20;
  family.arena_block_size = 128u << 10;  // a family of a small view stays small
  // A commit brings its rows in order of their keys: each is looked for from where the last one
  // went, all of them under one prefix, the empty one. RocksDB 7.8 mixes these places up with those
  // of removed ranges, so a CommitBatch has none.
  family.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(0));
  // Most keys that are looked for lie in no buffer.
  family.memtable_whole_key_filtering = true;
  family.memtable_prefix_bloom_size_ratio = 0.05;
  family.compression = rocksdb::kNoCompression;
  for (const auto kind : rocksdb::GetSupportedCompressions()) {
    if (kind == rocksdb::kLZ4Compression) family.compression = kind;
  }
  // What is written over soon is not worth compressing: the first two levels hold some hundred MB.
  family.compression_per_level.assign(static_cast<std::size_t>(family.num_levels),
                                      family.compression);
  family.compression_per_level[0] = family.compression_per_level[1] = rocksdb::kNoCompression;
  return family;
}

}  // namespace leat::state
