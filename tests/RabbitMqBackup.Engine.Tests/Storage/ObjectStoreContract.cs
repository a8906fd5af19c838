using System.Security.Cryptography;
using System.Text;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>What every store promises. Each adapter's tests inherit it. A test gets an empty store of its own.</summary>
public abstract class ObjectStoreContract : IAsyncLifetime
{
    private IObjectStore? _store;

    internal IObjectStore Store => _store!;

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Bytes that make the adapter split an upload in parts, where it does such a thing.</summary>
    protected virtual int BigBytes => 3 << 20;

    /// <summary>Keys that pages of a listing have to be turned for; the cloud's page is 1,000 (Azure 5,000).</summary>
    protected virtual int ManyKeys => 1_500;

    public async ValueTask InitializeAsync() => _store = await OpenEmptyAsync();

    public virtual async ValueTask DisposeAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task What_is_put_is_read_back_and_described()
    {
        ObjectInfo put = await PutAsync("a/b/c.txt", "hello");

        Assert.Equal("hello", await ReadAsync("a/b/c.txt"));
        ObjectInfo? head = await Store.HeadAsync(P("a/b/c.txt"), Cancel);
        Assert.NotNull(head);
        Assert.Equal(5, head.Length);
        Assert.Equal(put.Version, head.Version);
        Assert.Equal(P("a/b/c.txt"), head.Path);
        Assert.InRange(head.LastModified, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
        ListEntry row = Assert.Single(await ListAsync(""));
        Assert.Equal(head.Version, row.Object!.Version);
        Assert.Equal(head.Length, row.Object.Length);
    }

    [Fact]
    public async Task An_object_of_zero_bytes_is_an_object()
    {
        await PutAsync("empty", "");

        Assert.Equal("", await ReadAsync("empty"));
        Assert.Equal(0, (await Store.HeadAsync(P("empty"), Cancel))!.Length);
        Assert.Single(await ListAsync(""));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_big_object_of_unknown_length_comes_back_byte_for_byte(bool createOnly)
    {
        byte[] bytes = Bytes(BigBytes + 12_345);
        PutOptions options = new() { Sha256 = SHA256.HashData(bytes), CreateOnly = createOnly };

        ObjectInfo put = await Store.PutAsync(P("big"), new ScriptedStream(bytes), options, Cancel);

        Assert.Equal(bytes.Length, put.Length);
        await using Stream stream = await Store.OpenReadAsync(P("big"), null, Cancel);
        Assert.Equal(SHA256.HashData(bytes), await SHA256.HashDataAsync(stream, Cancel));
        Assert.Equal(put.Version, (await Store.HeadAsync(P("big"), Cancel))!.Version);
    }

    [Fact]
    public async Task A_put_replaces_the_object_and_its_version()
    {
        HashSet<string> versions = [];
        for (int i = 0; i < 20; i++)
        {
            Assert.True(versions.Add((await PutAsync("a", $"{i:00}")).Version), "two contents of equal length have one version");
        }

        Assert.Equal("19", await ReadAsync("a"));
    }

    [Fact]
    public async Task An_object_is_invisible_until_its_put_has_ended()
    {
        TaskCompletionSource reached = new(), go = new();
        ScriptedStream content = new(Bytes(BigBytes), BigBytes / 2, async _ =>
        {
            reached.SetResult();
            await go.Task;
        });
        Task<ObjectInfo> put = Store.PutAsync(P("x/y"), content, new PutOptions(), Cancel);
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancel);

        Assert.Null(await Store.HeadAsync(P("x/y"), Cancel));
        Assert.Empty(await ListAsync(""));
        Assert.Empty(await ListAsync("", new ListOptions { Delimited = true }));
        await AssertCodeAsync(ErrorCode.ObjectNotFound, () => Store.OpenReadAsync(P("x/y"), null, Cancel));

        go.SetResult();
        await put;
        Assert.Single(await ListAsync(""));
    }

    [Fact]
    public async Task While_an_object_is_replaced_the_old_one_is_read()
    {
        await PutAsync("a", "old");
        TaskCompletionSource reached = new(), go = new();
        ScriptedStream content = new(Bytes(BigBytes), BigBytes / 2, async _ =>
        {
            reached.SetResult();
            await go.Task;
        });
        Task<ObjectInfo> put = Store.PutAsync(P("a"), content, new PutOptions(), Cancel);
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancel);

        Assert.Equal("old", await ReadAsync("a"));
        go.SetResult();
        await put;
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(0)]
    public async Task A_put_whose_content_fails_half_way_leaves_nothing(int beforeEnd)
    {
        ScriptedStream content = new(Bytes(BigBytes), BigBytes - 1_000 + beforeEnd, _ => throw new IOException("the source broke"));

        await AssertCodeAsync(ErrorCode.StorageUnavailable, () => Store.PutAsync(P("x/y"), content, new PutOptions { CreateOnly = true }, Cancel));

        Assert.Null(await Store.HeadAsync(P("x/y"), Cancel));
        Assert.Empty(await ListAsync(""));
        await PutAsync("x/y", "later", new PutOptions { CreateOnly = true });
    }

    [Fact]
    public async Task A_cancelled_put_leaves_nothing()
    {
        using CancellationTokenSource source = new();
        ScriptedStream content = new(Bytes(BigBytes), BigBytes - 10, token =>
        {
            source.Cancel();
            token.ThrowIfCancellationRequested();
            return Task.CompletedTask;
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.PutAsync(P("x"), content, new PutOptions(), source.Token));

        Assert.Null(await Store.HeadAsync(P("x"), Cancel));
        Assert.Empty(await ListAsync(""));
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(10, false)]
    [InlineData(0, false)]
    public async Task Content_that_differs_from_its_SHA256_is_refused(int length, bool seekable)
    {
        byte[] bytes = Bytes(length == 0 ? BigBytes : length);
        PutOptions options = new() { Sha256 = new byte[32] };

        RabbitBackupException error = await AssertCodeAsync(
            ErrorCode.StorageUnavailable,
            () => Store.PutAsync(P("x"), seekable ? new MemoryStream(bytes) : new ScriptedStream(bytes), options, Cancel));

        Assert.Contains("SHA-256", error.Message);
        Assert.Null(await Store.HeadAsync(P("x"), Cancel));
    }

    [Theory]
    [InlineData(9)]
    [InlineData(11)]
    public async Task Content_of_another_length_than_promised_is_refused(long promised)
    {
        await AssertCodeAsync(ErrorCode.StorageUnavailable, () => Store.PutAsync(P("x"), new ScriptedStream(Bytes(10)), new PutOptions { Length = promised }, Cancel));

        Assert.Null(await Store.HeadAsync(P("x"), Cancel));
    }

    [Fact]
    public async Task Content_is_read_from_its_position()
    {
        MemoryStream content = new("0123456789"u8.ToArray()) { Position = 4 };

        ObjectInfo put = await Store.PutAsync(P("x"), content, new PutOptions { Length = 6 }, Cancel);

        Assert.Equal(6, put.Length);
        Assert.Equal("456789", await ReadAsync("x"));
    }

    [Fact]
    public async Task Create_only_leaves_what_is_there()
    {
        await PutAsync("a", "first", new PutOptions { CreateOnly = true });

        RabbitBackupException error = await AssertCodeAsync(ErrorCode.StorageConflict, () => PutAsync("a", "second", new PutOptions { CreateOnly = true }));

        Assert.False(error.IsTransient);
        Assert.Equal("first", await ReadAsync("a"));
    }

    [Theory]
    [InlineData(100)]
    [InlineData(0)]
    public async Task Of_sixteen_racers_that_create_one_object_one_wins(int length)
    {
        Assert.True(Store.Capabilities.HasFlag(StoreCapabilities.CreateOnly));
        for (int round = 0; round < 4; round++)
        {
            ObjectPath path = P($"race/{round}");
            byte[][] contents = [.. Enumerable.Range(0, 16).Select(i => Bytes(length == 0 && i == 0 ? BigBytes : 100 + i))];
            using Barrier barrier = new(16);
            Task<bool>[] racers = [.. contents.Select(bytes => Task.Factory.StartNew(
                () =>
                {
                    barrier.SignalAndWait(Cancel);
                    return TryCreateAsync(path, bytes);
                },
                Cancel,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default).Unwrap())];

            bool[] won = await Task.WhenAll(racers);

            Assert.Single(won, one => one);
            byte[] winner = contents[Array.IndexOf(won, true)];
            await using Stream stream = await Store.OpenReadAsync(path, null, Cancel);
            Assert.Equal(SHA256.HashData(winner), await SHA256.HashDataAsync(stream, Cancel));
        }
    }

    [Fact]
    public async Task A_put_bound_to_a_version_needs_that_version()
    {
        Assert.True(Store.Capabilities.HasFlag(StoreCapabilities.IfVersion));
        ObjectInfo first = await PutAsync("a", "1");
        ObjectInfo second = await PutAsync("a", "2", new PutOptions { IfVersion = first.Version });

        await AssertCodeAsync(ErrorCode.StorageConflict, () => PutAsync("a", "3", new PutOptions { IfVersion = first.Version }));
        await AssertCodeAsync(ErrorCode.StorageConflict, () => PutAsync("none", "3", new PutOptions { IfVersion = second.Version }));

        Assert.Equal("2", await ReadAsync("a"));
        Assert.Null(await Store.HeadAsync(P("none"), Cancel));
    }

    [Fact]
    public async Task Versions_make_a_counter_that_loses_no_step()
    {
        await PutAsync("n", "0");
        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(async () =>
        {
            for (int done = 0; done < 5;)
            {
                string version = (await Store.HeadAsync(P("n"), Cancel))!.Version;
                int value = int.Parse(await ReadAsync("n"));
                done += await TryPutAsync($"{value + 1}", version) ? 1 : 0;
            }
        })));

        Assert.Equal("30", await ReadAsync("n"));

        // Bound to the version seen before the read: if somebody wrote in between, the put fails.
        async Task<bool> TryPutAsync(string text, string version)
        {
            try
            {
                await PutAsync("n", text, new PutOptions { IfVersion = version });
                return true;
            }
            catch (RabbitBackupException error) when (error.Code == ErrorCode.StorageConflict)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task A_delete_bound_to_a_version_needs_that_version()
    {
        ObjectInfo first = await PutAsync("a", "1");
        ObjectInfo second = await PutAsync("a", "2");

        await AssertCodeAsync(ErrorCode.StorageConflict, () => Store.DeleteAsync(P("a"), first.Version, Cancel));
        Assert.Equal("2", await ReadAsync("a"));
        await Store.DeleteAsync(P("a"), second.Version, Cancel);
        Assert.Null(await Store.HeadAsync(P("a"), Cancel));
    }

    [Fact]
    public async Task Deleting_what_is_not_there_is_no_error()
    {
        await Store.DeleteAsync(P("no/such"), null, Cancel);
        await PutAsync("a/b", "x");
        await Store.DeleteAsync(P("a/b"), null, Cancel);
        await Store.DeleteAsync(P("a/b"), null, Cancel);

        Assert.Empty(await ListAsync(""));
        Assert.Empty(await ListAsync("", new ListOptions { Delimited = true }));
    }

    [Fact]
    public async Task What_is_not_there_is_reported_with_its_path_and_a_remedy()
    {
        RabbitBackupException error = await AssertCodeAsync(ErrorCode.ObjectNotFound, () => Store.OpenReadAsync(P("no/such"), null, Cancel));

        Assert.Contains("no/such", error.Target);
        Assert.False(string.IsNullOrEmpty(error.Hint));
        Assert.False(error.IsTransient);
        Assert.Null(await Store.HeadAsync(P("no/such"), Cancel));
    }

    [Theory]
    [InlineData(0, 4L, "0123")]
    [InlineData(3, 4L, "3456")]
    [InlineData(3, null, "3456789")]
    [InlineData(0, null, "0123456789")]
    [InlineData(8, 10L, "89")]
    [InlineData(9, 1L, "9")]
    [InlineData(10, null, "")]
    [InlineData(10, 5L, "")]
    [InlineData(99, 5L, "")]
    [InlineData(4, 0L, "")]
    public async Task A_range_gives_its_part(long offset, long? length, string expected)
    {
        await PutAsync("digits", "0123456789");

        Assert.Equal(expected, await ReadAsync("digits", new ByteRange(offset, length)));
    }

    [Fact]
    public async Task A_range_of_what_is_not_there_or_a_negative_one_is_an_error()
    {
        await AssertCodeAsync(ErrorCode.ObjectNotFound, () => Store.OpenReadAsync(P("none"), new ByteRange(0, 0), Cancel));
        await AssertCodeAsync(ErrorCode.ObjectNotFound, () => Store.OpenReadAsync(P("none"), new ByteRange(5, 5), Cancel));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Store.OpenReadAsync(P("none"), new ByteRange(-1, 5), Cancel));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Store.OpenReadAsync(P("none"), new ByteRange(0, -5), Cancel));
    }

    [Fact]
    public async Task A_listing_of_many_keys_is_whole_and_in_order()
    {
        string[] keys = [.. Enumerable.Range(0, ManyKeys).Select(i => $"many/{i % 7}/{i:00000}")];
        await Parallel.ForEachAsync(keys, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = Cancel }, async (key, token) =>
            await Store.PutAsync(P(key), new MemoryStream([1]), new PutOptions(), token));
        Array.Sort(keys, StringComparer.Ordinal);

        Assert.Equal(keys, (await ListAsync("")).Select(row => row.Key));
        Assert.Equal(keys, (await ListAsync("many/")).Select(row => row.Key));
        Assert.Equal(keys.Where(key => key.StartsWith("many/3/")), (await ListAsync("many/3")).Select(row => row.Key));
        Assert.Equal(keys.Skip(ManyKeys / 2), (await ListAsync("", new ListOptions { StartAfter = keys[(ManyKeys / 2) - 1] })).Select(row => row.Key));
        Assert.Equal(["many/0/", "many/1/", "many/2/", "many/3/", "many/4/", "many/5/", "many/6/"], (await ListAsync("many/", new ListOptions { Delimited = true })).Select(row => row.Key));
    }

    [Fact]
    public async Task Listings_order_by_the_whole_key_and_group_at_the_delimiter()
    {
        foreach (string key in new[] { "a/x", "a-b", "a.b", "a0", "b/c/d", "b/e", "A", "c" })
        {
            await PutAsync(key, key);
        }

        Assert.Equal(["A", "a-b", "a.b", "a/x", "a0", "b/c/d", "b/e", "c"], (await ListAsync("")).Select(row => row.Key));
        List<ListEntry> rows = await ListAsync("", new ListOptions { Delimited = true });
        Assert.Equal(["A", "a-b", "a.b", "a/", "a0", "b/", "c"], rows.Select(row => row.Key));
        Assert.Equal([true, true, true, false, true, false, true], rows.Select(row => row.Object is not null));
        Assert.Equal(["a-b", "a.b", "a/x", "a0"], (await ListAsync("a")).Select(row => row.Key));
        Assert.Equal(["b/c/", "b/e"], (await ListAsync("b/", new ListOptions { Delimited = true })).Select(row => row.Key));
        Assert.Equal(["b/"], (await ListAsync("b", new ListOptions { Delimited = true })).Select(row => row.Key));
        Assert.Equal(["a0", "b/", "c"], (await ListAsync("", new ListOptions { Delimited = true, StartAfter = "a/" })).Select(row => row.Key));
        Assert.Equal(["b/c/d", "b/e", "c"], (await ListAsync("", new ListOptions { StartAfter = "b" })).Select(row => row.Key));
        Assert.Equal(["b/e", "c"], (await ListAsync("", new ListOptions { StartAfter = "b/c/d" })).Select(row => row.Key));
        Assert.Empty(await ListAsync("zzz/"));
        Assert.Empty(await ListAsync("a-b/"));
    }

    [Fact]
    public async Task Odd_names_stay_apart_and_come_back()
    {
        string[] names = OddNames().ToArray();
        foreach (string name in names)
        {
            await PutAsync($"odd/{name}/x", name);
        }

        List<ListEntry> rows = await ListAsync("odd/");
        Assert.Equal(names.Select(name => $"odd/{name}/x").Order(ObjectOrder.Instance), rows.Select(row => row.Key));
        foreach (string name in names)
        {
            Assert.Equal(name, await ReadAsync($"odd/{name}/x"));
            await Store.DeleteAsync(P($"odd/{name}/x"), null, Cancel);
        }

        Assert.Empty(await ListAsync(""));
    }

    internal static ObjectPath P(string path) => ObjectPath.Parse(path);

    internal static byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }

    /// <summary>A store with nothing in it.</summary>
    internal abstract Task<IObjectStore> OpenEmptyAsync();

    /// <summary>Names that this store must take.</summary>
    protected virtual IEnumerable<string> OddNames() =>
    [
        "with blank", "+plus", "%2F", "%", "a%20b", "#hash", "&and", "=is", "quote'", "semi;", "comma,", "(round)", "[square]", "{curly}", "~tilde", "@at", "!bang", "$dollar",
        "^hat", "`tick", "ümlaut", "日本語", "\U0001F407", "\uE000", "-dash", "_under", ".hidden", "Upper!8", new string('x', 140),
    ];

    internal async Task<ObjectInfo> PutAsync(string path, string text, PutOptions? options = null) =>
        await Store.PutAsync(P(path), new MemoryStream(Encoding.UTF8.GetBytes(text)), options ?? new PutOptions(), Cancel);

    internal async Task<string> ReadAsync(string path, ByteRange? range = null)
    {
        await using Stream stream = await Store.OpenReadAsync(P(path), range, Cancel);
        using StreamReader reader = new(stream);
        return await reader.ReadToEndAsync(Cancel);
    }

    internal async Task<List<ListEntry>> ListAsync(string prefix, ListOptions? options = null)
    {
        List<ListEntry> rows = [];
        await foreach (ListEntry row in Store.ListAsync(prefix, options ?? new ListOptions(), Cancel))
        {
            rows.Add(row);
        }

        return rows;
    }

    internal static async Task<RabbitBackupException> AssertCodeAsync(ErrorCode code, Func<Task> action)
    {
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(action);
        Assert.Equal(code, error.Code);
        Assert.False(string.IsNullOrEmpty(error.Target), "the error names no target");
        Assert.False(string.IsNullOrEmpty(error.Hint), "the error names no remedy");
        return error;
    }

    private async Task<bool> TryCreateAsync(ObjectPath path, byte[] bytes)
    {
        try
        {
            await Store.PutAsync(path, new MemoryStream(bytes), new PutOptions { CreateOnly = true }, Cancel);
            return true;
        }
        catch (RabbitBackupException error) when (error.Code == ErrorCode.StorageConflict)
        {
            return false;
        }
    }
}
