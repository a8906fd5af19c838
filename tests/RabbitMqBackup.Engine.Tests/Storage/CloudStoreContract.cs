using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>What every store behind a network promises besides: it survives a bad one, and says what is wrong.</summary>
public abstract class CloudStoreContract : ObjectStoreContract
{
    private static readonly RetryOptions Quick = new() { FirstDelay = TimeSpan.FromMilliseconds(1), MaxDelay = TimeSpan.FromSeconds(1.5) };

    /// <summary>Where the server of the test listens.</summary>
    private protected abstract Uri Server { get; }

    [Theory]
    [InlineData(503)]
    [InlineData(429)]
    [InlineData(500)]
    public async Task A_server_that_is_busy_is_asked_again_and_left_alone_as_long_as_it_wishes(int status)
    {
        int left = 2;
        await using FaultyProxy proxy = await FaultyProxy.StartAsync(Server, request => IsPut(request) && Interlocked.Decrement(ref left) >= 0 ? new Fault(status, RetryAfter: 1) : null);
        await using IObjectStore store = Open(proxy.Uri).Open();
        Stopwatch clock = Stopwatch.StartNew();

        await store.PutAsync(P("a"), new ScriptedStream([1, 2, 3]), new PutOptions { CreateOnly = true }, Cancel);

        Assert.Equal(2, proxy.Faults);
        Assert.True(clock.Elapsed >= TimeSpan.FromSeconds(1.9), $"it waited only {clock.Elapsed}");
        Assert.Equal(3, (await Store.HeadAsync(P("a"), Cancel))!.Length);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_put_whose_answer_is_lost_is_recognised_as_done(bool big)
    {
        // The last request of a put makes the object visible: for the first put it is cut off once, and only then.
        byte[] bytes = Bytes(big ? BigBytes : 100);
        int cuts = 0;
        await using FaultyProxy proxy = await FaultyProxy.StartAsync(Server, request => MakesVisible(request, big) && Interlocked.Increment(ref cuts) == 1 ? new Fault { CutAnswer = true } : null);
        await using IObjectStore store = Open(proxy.Uri).Open();

        ObjectInfo put = await store.PutAsync(P("a"), new ScriptedStream(bytes), new PutOptions { CreateOnly = true }, Cancel);

        Assert.Equal(1, proxy.Faults);
        Assert.Equal(put.Version, (await Store.HeadAsync(P("a"), Cancel))!.Version);
        await AssertCodeAsync(ErrorCode.StorageConflict, () => store.PutAsync(P("a"), new ScriptedStream(bytes), new PutOptions { CreateOnly = true }, Cancel));
    }

    [Fact]
    public async Task A_read_that_breaks_off_goes_on_where_it_was()
    {
        byte[] bytes = Bytes(BigBytes);
        await Store.PutAsync(P("a"), new MemoryStream(bytes), new PutOptions(), Cancel);
        await using FaultyProxy proxy = await FaultyProxy.StartAsync(Server, request => IsRead(request) ? new Fault { CutBodyAt = 3_000_000 } : null);
        await using IObjectStore store = Open(proxy.Uri).Open();

        await using (Stream stream = await store.OpenReadAsync(P("a"), null, Cancel))
        {
            Assert.Equal(SHA256.HashData(bytes), await SHA256.HashDataAsync(stream, Cancel));
        }

        Assert.True(proxy.Faults >= BigBytes / 3_000_000, $"it broke off only {proxy.Faults} times");
        await using Stream part = await store.OpenReadAsync(P("a"), new ByteRange(1_000_000, 5_000_000), Cancel);
        Assert.Equal(SHA256.HashData(bytes.AsSpan(1_000_000, 5_000_000)), await SHA256.HashDataAsync(part, Cancel));
    }

    [Fact]
    public async Task An_answer_that_stops_in_the_middle_is_not_waited_for_for_ever()
    {
        await Store.PutAsync(P("a"), new MemoryStream(Bytes(100)), new PutOptions(), Cancel);
        await using FaultyProxy proxy = await FaultyProxy.StartAsync(Server, request => request.Method == "GET" ? new Fault { SilentAt = 40 } : null);
        await using IObjectStore store = Open(proxy.Uri, "some/prefix", Quick with { MaxAttempts = 2 }, TimeSpan.FromSeconds(1)).Open();

        await AssertCodeAsync(ErrorCode.StorageUnavailable, async () => await store.ListAsync("", new ListOptions(), Cancel).ToListAsync(Cancel)).WaitAsync(TimeSpan.FromSeconds(60), Cancel);

        // What is read of an object counts, and is not asked for again.
        MemoryStream read = new();
        await using Stream stream = await store.OpenReadAsync(P("a"), null, Cancel);
        await stream.CopyToAsync(read, Cancel).WaitAsync(TimeSpan.FromSeconds(60), Cancel);
        Assert.Equal(Bytes(100), read.ToArray());
        Assert.True(proxy.Faults >= 5, $"it was asked only {proxy.Faults} times");
    }

    [Fact]
    public async Task With_one_request_in_five_failing_everything_arrives_whole()
    {
        await using FaultyProxy proxy = await FaultyProxy.StartAsync(Server, FaultyProxy.Random(20261123, 0.2));
        await using IObjectStore store = Open(proxy.Uri).Open();
        string[] keys = [.. Enumerable.Range(0, 60).Select(i => $"k/{i:00}")];

        await Parallel.ForEachAsync(keys, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = Cancel }, async (key, token) =>
        {
            int size = key.EndsWith('7') ? BigBytes : 5_000;
            await store.PutAsync(P(key), new ScriptedStream(Bytes(size)), new PutOptions { CreateOnly = true, Sha256 = SHA256.HashData(Bytes(size)) }, token);
            await using Stream stream = await store.OpenReadAsync(P(key), null, token);
            Assert.Equal(SHA256.HashData(Bytes(size)), await SHA256.HashDataAsync(stream, token));
        });

        List<string> listed = [];
        await foreach (ListEntry row in store.ListAsync("k/", new ListOptions(), Cancel))
        {
            listed.Add(row.Key);
        }

        Assert.Equal(keys, listed);
        foreach (string key in keys)
        {
            await store.DeleteAsync(P(key), null, Cancel);
        }

        Assert.Empty(await ListAsync(""));
        Assert.True(proxy.Faults > 20, $"only {proxy.Faults} of {proxy.Requests} requests failed");
    }

    [Fact]
    public async Task A_server_that_is_gone_fails_the_call_after_its_attempts_and_then_at_once()
    {
        await using IObjectStore store = Open(DeadEndpoint()).Open();

        for (int call = 0; call < 2; call++)
        {
            RabbitBackupException error = await AssertCodeAsync(ErrorCode.StorageUnavailable, () => store.HeadAsync(P("a"), Cancel));
            Assert.True(error.IsTransient);
            Assert.Contains("10 attempts", error.Message);
        }

        Stopwatch clock = Stopwatch.StartNew();
        RabbitBackupException open = await AssertCodeAsync(ErrorCode.StorageUnavailable, () => store.HeadAsync(P("a"), Cancel));
        Assert.Contains("20 times in a row", open.Message);
        Assert.True(clock.ElapsedMilliseconds < 500);
    }

    [Fact]
    public async Task Wrong_credentials_are_reported_as_access_denied_without_repeating_them()
    {
        await using IObjectStore store = OpenWithWrongCredentials().Open();

        RabbitBackupException error = await AssertCodeAsync(ErrorCode.StorageAccessDenied, () => store.PutAsync(P("a"), new MemoryStream([1]), new PutOptions(), Cancel));
        Assert.DoesNotContain("canary", error.ToString());
        Assert.False(error.IsTransient);
        await AssertCodeAsync(ErrorCode.StorageAccessDenied, () => store.OpenReadAsync(P("a"), null, Cancel));
        await AssertCodeAsync(ErrorCode.StorageAccessDenied, () => store.HeadAsync(P("a"), Cancel));
        await AssertCodeAsync(ErrorCode.StorageAccessDenied, () => store.DeleteAsync(P("a"), null, Cancel));
        await AssertCodeAsync(ErrorCode.StorageAccessDenied, async () =>
        {
            await foreach (ListEntry row in store.ListAsync("", new ListOptions(), Cancel))
            {
                Assert.Fail(row.Key);
            }
        });
    }

    [Fact]
    public async Task A_missing_bucket_is_reported_as_such()
    {
        await using IObjectStore store = OpenMissingBucket().Open();

        RabbitBackupException error = await AssertCodeAsync(ErrorCode.StorageUnavailable, () => store.PutAsync(P("a"), new MemoryStream([1]), new PutOptions(), Cancel));
        Assert.Contains("does not exist", error.Message);
        Assert.False(error.IsTransient);
        error = await AssertCodeAsync(ErrorCode.StorageUnavailable, () => store.PutAsync(P("a"), new ScriptedStream(Bytes(BigBytes)), new PutOptions { CreateOnly = true }, Cancel));
        Assert.Contains("does not exist", error.Message);
        await AssertCodeAsync(ErrorCode.StorageUnavailable, async () =>
        {
            await foreach (ListEntry row in store.ListAsync("", new ListOptions(), Cancel))
            {
                Assert.Fail(row.Key);
            }
        });
    }

    [Theory]
    [InlineData(100)]
    [InlineData(0)]
    public async Task A_copy_made_by_the_service_is_the_same_object_and_keeps_its_condition(int length)
    {
        byte[] bytes = Bytes(length == 0 ? BigBytes : length);
        await Store.PutAsync(P("a"), new MemoryStream(bytes), new PutOptions(), Cancel);
        await using IObjectStore other = Open(Server, "some/other").Open();
        IServerSideCopy server = (IServerSideCopy)other;
        PutOptions options = new() { CreateOnly = true, Length = bytes.Length };

        ServerCopy? copy = await server.TryCopyAsync(Store, P("a"), P("x/b"), options, Cancel);

        Assert.NotNull(copy);
        await using (Stream stream = await other.OpenReadAsync(P("x/b"), null, Cancel))
        {
            Assert.Equal(SHA256.HashData(bytes), await SHA256.HashDataAsync(stream, Cancel));
        }

        Assert.Equal(copy.Object, (await other.HeadAsync(P("x/b"), Cancel))! with { LastModified = copy.Object.LastModified });
        Assert.True(copy.Sha256 is null || copy.Sha256.AsSpan().SequenceEqual(SHA256.HashData(bytes)));
        await AssertCodeAsync(ErrorCode.StorageConflict, () => server.TryCopyAsync(Store, P("a"), P("x/b"), options, Cancel));
        Assert.Null(await server.TryCopyAsync(Store, P("missing"), P("x/c"), options, Cancel));
        Assert.Null(await server.TryCopyAsync(new MemoryStore(), P("a"), P("x/c"), options, Cancel));
        Assert.Null(await other.HeadAsync(P("x/c"), Cancel));
    }

    [Fact]
    public async Task Stores_with_different_prefixes_do_not_see_each_other()
    {
        await using IObjectStore other = Open(Server, "some/prefix2").Open();
        await using IObjectStore above = Open(Server, "some").Open();
        await PutAsync("a", "1");
        await other.PutAsync(P("b"), new MemoryStream([1]), new PutOptions(), Cancel);

        Assert.Equal(["a"], (await ListAsync("")).Select(row => row.Key));
        List<string> all = [];
        await foreach (ListEntry row in above.ListAsync("", new ListOptions(), Cancel))
        {
            all.Add(row.Key);
        }

        Assert.Equal(["prefix/a", "prefix2/b"], all);
    }

    /// <summary>The store of the test, reached at another address.</summary>
    internal BackupStore Open(Uri endpoint, string prefix = "some/prefix") => Open(endpoint, prefix, Quick, null);

    private protected abstract BackupStore Open(Uri endpoint, string prefix, RetryOptions retry, TimeSpan? requestTimeout);

    /// <summary>With a secret that holds the word canary.</summary>
    private protected abstract BackupStore OpenWithWrongCredentials();

    private protected abstract BackupStore OpenMissingBucket();

    /// <summary>The request after which an object can be seen.</summary>
    private protected abstract bool MakesVisible(HttpRequest request, bool big);

    private static bool IsPut(HttpRequest request) => request.Method is "PUT" or "POST" && request.Path != "/token";

    private static bool IsRead(HttpRequest request) => request.Method == "GET" && (request.Path.Value!.EndsWith("/a", StringComparison.Ordinal) || request.Query["alt"] == "media");

    private Uri DeadEndpoint()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        return new UriBuilder(Server) { Port = port }.Uri;
    }
}
