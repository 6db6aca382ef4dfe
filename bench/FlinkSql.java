import java.nio.file.*;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.*;

/**
 * The statements of a file on Flink SQL in this process. Arguments: the file, in which statements end with ";", and a folder for
 * checkpoints. Ends when what the INSERTs read has ended.
 */
public class FlinkSql {
  private static final int PARALLELISM = 2;

  public static void main(String[] arguments) {
    try {
      run(Path.of(arguments[0]), Path.of(arguments[1]));
      System.exit(0); // the cluster's threads would go on
    } catch (Throwable failed) {
      failed.printStackTrace();
      System.exit(1);
    }
  }

  private static void run(Path file, Path checkpoints) throws Exception {
    TableEnvironment tables = TableEnvironment.create(
        EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(settings(checkpoints)).build());
    for (String statement : Files.readString(file).split(";")) {
      if (statement.isBlank()) continue;
      TableResult result = tables.executeSql(statement);
      if (statement.strip().startsWith("INSERT")) result.await();
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
