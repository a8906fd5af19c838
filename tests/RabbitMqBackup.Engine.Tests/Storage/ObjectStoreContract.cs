using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>What every store promises. Each adapter's tests inherit it.</summary>
public abstract class ObjectStoreContract : ObjectStorePutContract
{
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

    /// <summary>Names that this store must take.</summary>
    protected virtual IEnumerable<string> OddNames() =>
    [
        "with blank", "+plus", "%2F", "%", "a%20b", "#hash", "&and", "=is", "quote'", "semi;", "comma,", "(round)", "[square]", "{curly}", "~tilde", "@at", "!bang", "$dollar",
        "^hat", "`tick", "ümlaut", "日本語", "\U0001F407", "\uE000", "-dash", "_under", ".hidden", "Upper!8", new string('x', 140),
    ];
}
