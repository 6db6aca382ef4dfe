import java.nio.file.*;
import java.util.*;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.*;

/**
 * One of Nexmark's queries on Flink SQL in this process, as github.com/nexmark/nexmark has it: its statements, its generator, a
 * sink that throws rows away. Arguments: the folder of its statements, the query, events, events per second of event time, and a
 * folder for checkpoints. Ends when all events are through.
 */
public class NexmarkFlink {
  private static final int PARALLELISM = 2;

  public static void main(String[] arguments) {
    try {
      run(Path.of(arguments[0]), arguments[1], arguments[2], arguments[3], Path.of(arguments[4]));
      System.exit(0); // the cluster's threads would go on
    } catch (Throwable failed) {
      failed.printStackTrace();
      System.exit(1);
    }
  }

  private static void run(Path statements, String query, String events, String rate, Path checkpoints) throws Exception {
    TableEnvironment tables = TableEnvironment.create(
        EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(settings(checkpoints)).build());
    Map<String, String> said = Map.of("TPS", rate, "EVENTS_NUM", events, "PERSON_PROPORTION", "1", "AUCTION_PROPORTION", "3",
        "BID_PROPORTION", "46", "NEXMARK_TABLE", "datagen");
    for (String file : List.of("ddl_gen", "ddl_views", query)) {
      String text = Files.readString(statements.resolve(file + ".sql")).replaceAll("(?m)--.*$", "");
      for (Map.Entry<String, String> one : said.entrySet()) text = text.replace("${" + one.getKey() + "}", one.getValue());
      for (String statement : text.split(";")) {
        if (statement.isBlank()) continue;
        TableResult result = tables.executeSql(statement);
        if (statement.strip().startsWith("INSERT")) result.await();
      }
    }
  }

  /** Exactly once, each second a checkpoint of state in memory; mini-batches as nexmark sets them. */
  private static Configuration settings(Path checkpoints) {
    Configuration set = new Configuration();
    set.setString("parallelism.default", "" + PARALLELISM);
    set.setString("taskmanager.numberOfTaskSlots", "" + PARALLELISM);
    set.setString("state.backend.type", "hashmap");
    set.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
    set.setString("execution.checkpointing.interval", "1 s");
    set.setString("execution.checkpointing.storage", "filesystem");
    set.setString("execution.checkpointing.dir", checkpoints.toUri().toString());
    set.setString("execution.checkpointing.checkpoints-after-tasks-finish.enabled", "false");
    set.setString("table.exec.mini-batch.enabled", "true");
    set.setString("table.exec.mini-batch.allow-latency", "2s");
    set.setString("table.exec.mini-batch.size", "50000");
    set.setString("table.optimizer.distinct-agg.split.enabled", "true");
    set.setString("table.local-time-zone", "UTC");
    set.setString("taskmanager.memory.managed.size", "512m");
    set.setString("taskmanager.memory.network.min", "128m");
    set.setString("taskmanager.memory.network.max", "128m");
    set.setString("rest.address", "127.0.0.1");
    set.setString("rest.bind-address", "127.0.0.1");
    return set;
  }
}
