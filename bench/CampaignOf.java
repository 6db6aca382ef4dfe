import java.io.IOException;
import java.nio.file.*;
import java.util.*;
import org.apache.flink.table.functions.ScalarFunction;

/** The campaign of an advertisement, by a file of lines `ad,campaign` that is read once: as the benchmark's own cache before Redis. */
public class CampaignOf extends ScalarFunction {
  private transient Map<String, String> campaigns;

  public String eval(String ad, String file) throws IOException {
    if (campaigns == null) {
      campaigns = new HashMap<>();
      for (String line : Files.readAllLines(Path.of(file))) {
        String[] pair = line.split(",");
        campaigns.put(pair[0], pair[1]);
      }
    }
    return campaigns.get(ad);
  }
}
