using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>Runs of several processes that meet: each backup is whole, or says that it is not; and whatever they do, the queue has its messages.</summary>
public sealed class ConcurrentRunsTests
{
    private const int Messages = 5_000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Each pair takes ten seconds, for which the later one waits: both types in the long run, in CI the one whose order a second reader could spoil as well.</summary>
    public static TheoryData<string> Types => LongRun.IsOn ? ["classic", "quorum"] : ["quorum"];

    [Theory]
    [MemberData(nameof(Types))]
    public async Task Of_two_processes_that_read_one_queue_none_has_a_part_of_it_and_calls_it_whole(string type)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync();
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        FaultStore store = await FaultStore.MakeAsync(FaultStore.Folder, harness.Folder);
        await using BackupCatalog catalog = new(store.Store);
        await client.DeclareAsync("q", type);
        await client.PublishAsync("q", Enumerable.Range(0, Messages).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[300])));
        int rounds = LongRun.Count(1, 20), whole = 0, told = 0;
        int seed = Environment.TickCount;
        Random random = new(seed);
        for (int round = 0; round < rounds; round++)
        {
            string place = $"{type}, seed {seed}, round {round}";

            // By turns at once and a moment later.
            TimeSpan later = TimeSpan.FromMilliseconds(round % 2 == 0 ? 0 : random.Next(600));
            (int Code, string Errors)[] ends = await Task.WhenAll(
                EndAsync(harness, store, $"a-{round}", TimeSpan.Zero),
                EndAsync(harness, store, $"b-{round}", later));
            foreach ((string id, (int code, string errors)) in new[] { $"a-{round}", $"b-{round}" }.Zip(ends))
            {
                BackupManifest manifest = await catalog.GetAsync(id, Cancel);
                Assert.True((code == 0) == (manifest.Status == BackupStatus.Complete), $"{code}, {manifest.Status} ({place}): {errors}");
                Assert.True(code == 0 || errors.Contains("RabbitMqBackup reads", StringComparison.Ordinal), $"{errors} ({place})");
                List<int> numbers = await NumbersAsync(manifest);
                Assert.True(numbers.SequenceEqual(Enumerable.Range(0, code == 0 ? Messages : 0)), $"'{id}' ({code}) holds {numbers.Count} of {manifest.Queues[0].DepthAtStart}, {Breaks(numbers)} ({place}): {errors} {manifest.Queues[0].Reason} {string.Join(' ', manifest.Queues[0].Notes)}");
                whole += code == 0 ? 1 : 0;
                told += code == 0 ? 0 : 1;
            }

            Assert.True(ends.Any(end => end.Code == 0), $"neither has the queue ({place}): {ends[0].Errors} {ends[1].Errors}");
            await client.UntilCountAsync("q", Messages, place);
        }

        List<int> left = [.. (await client.TakeIdsAsync("q")).Select(int.Parse)];
        Assert.Equal(Enumerable.Range(0, Messages), type == "classic" ? left : left.Order());
        TestContext.Current.TestOutputHelper?.WriteLine($"{type}: {rounds} pairs, {whole} whole, {told} told that the other reads, seed {seed}");
    }

    /// <summary>Where the order is broken.</summary>
    private static string Breaks(List<int> numbers) =>
        string.Join(", ", Enumerable.Range(0, Math.Max(0, numbers.Count - 1)).Where(at => numbers[at + 1] != numbers[at] + 1).Take(10).Select(at => $"{numbers[at + 1]} behind {numbers[at]}"));

    private static async Task<(int Code, string Errors)> EndAsync(EngineHarness harness, FaultStore store, string id, TimeSpan later)
    {
        await Task.Delay(later, Cancel);
        using CrashChild child = await CrashChild.StartAsync(harness, "q", store, id, Path.Combine(harness.Folder, "checkpoints"));
        return await child.EndAsync();
    }

    private static async Task<List<int>> NumbersAsync(BackupManifest manifest)
    {
        List<int> numbers = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Cancel))
            {
                numbers.Add(int.Parse(message.Properties.MessageId!, System.Globalization.CultureInfo.InvariantCulture));
            }
        }

        return numbers;
    }
}
