using System.Runtime.CompilerServices;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>A store that lives as long as its object: for tests.</summary>
internal sealed class MemoryStore : IObjectStore
{
    private readonly SortedDictionary<string, (byte[] Content, ObjectInfo Info)> _objects = new(ObjectOrder.Instance);
    private readonly object _gate = new();
    private long _version;

    /// <inheritdoc/>
    public string DisplayUri => "memory:";

    /// <inheritdoc/>
    public StoreCapabilities Capabilities => StoreCapabilities.CreateOnly | StoreCapabilities.IfVersion;

    /// <inheritdoc/>
    public async Task<ObjectInfo> PutAsync(ObjectPath path, Stream content, PutOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        options.Check();
        using PutContent source = new(path, content, options);
        using MemoryStream copy = new();
        byte[] buffer = new byte[64 << 10];
        while (await source.FillAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and int read)
        {
            copy.Write(buffer, 0, read);
        }

        byte[] bytes = copy.ToArray();
        lock (_gate)
        {
            bool exists = _objects.TryGetValue(path.ToString(), out (byte[] Content, ObjectInfo Info) current);
            if (options.CreateOnly && exists)
            {
                throw StoreErrors.AlreadyThere(path);
            }

            if (options.IfVersion is not null && (!exists || current.Info.Version != options.IfVersion))
            {
                throw StoreErrors.Changed(path);
            }

            ObjectInfo info = new(path, bytes.Length, DateTimeOffset.UtcNow, $"{++_version}");
            _objects[path.ToString()] = (bytes, info);
            return info;
        }
    }

    /// <inheritdoc/>
    public Task<Stream> OpenReadAsync(ObjectPath path, ByteRange? range, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        range?.Check();
        lock (_gate)
        {
            if (!_objects.TryGetValue(path.ToString(), out (byte[] Content, ObjectInfo Info) found))
            {
                throw StoreErrors.NotFound(path.ToString());
            }

            long start = Math.Min(range?.Offset ?? 0, found.Content.Length);
            long length = Math.Min(range?.Length ?? long.MaxValue, found.Content.Length - start);
            return Task.FromResult<Stream>(new MemoryStream(found.Content, (int)start, (int)length, writable: false));
        }
    }

    /// <inheritdoc/>
    public Task<ObjectInfo?> HeadAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            return Task.FromResult(_objects.TryGetValue(path.ToString(), out (byte[] Content, ObjectInfo Info) found) ? found.Info : null);
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ListEntry[] rows;
        lock (_gate)
        {
            rows = [.. _objects.Values
                .Where(entry => entry.Info.Path.ToString().StartsWith(prefix, StringComparison.Ordinal))
                .Select(entry => Row(entry.Info, prefix, options.Delimited))
                .DistinctBy(row => row.Key)
                .Where(row => options.StartAfter is null || ObjectOrder.Instance.Compare(row.Key, options.StartAfter) > 0)];
        }

        foreach (ListEntry row in rows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return row;
        }

        await Task.CompletedTask.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task DeleteAsync(ObjectPath path, string? ifVersion, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            if (ifVersion is not null && _objects.TryGetValue(path.ToString(), out (byte[] Content, ObjectInfo Info) current) && current.Info.Version != ifVersion)
            {
                throw StoreErrors.Changed(path);
            }

            _objects.Remove(path.ToString());
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static ListEntry Row(ObjectInfo info, string prefix, bool delimited)
    {
        string key = info.Path.ToString();
        int slash = delimited ? key.IndexOf('/', prefix.Length) : -1;
        return slash < 0 ? new ListEntry(key, info) : new ListEntry(key[..(slash + 1)], null);
    }
}
