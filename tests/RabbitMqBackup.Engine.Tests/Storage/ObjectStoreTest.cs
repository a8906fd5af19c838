using System.Text;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>What tests of a store share. A test gets an empty store of its own.</summary>
public abstract class ObjectStoreTest : IAsyncLifetime
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

    internal static ObjectPath P(string path) => ObjectPath.Parse(path);

    internal static byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }

    /// <summary>A store with nothing in it.</summary>
    internal abstract Task<IObjectStore> OpenEmptyAsync();

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
        Assert.True(code == error.Code, $"{error.Code} in place of {code}: {error}");
        Assert.False(string.IsNullOrEmpty(error.Target), "the error names no target");
        Assert.False(string.IsNullOrEmpty(error.Hint), "the error names no remedy");
        return error;
    }
}
