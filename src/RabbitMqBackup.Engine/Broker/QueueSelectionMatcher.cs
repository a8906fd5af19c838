namespace RabbitMqBackup.Engine.Broker;

/// <summary>Applies a <see cref="QueueSelection"/> to queues as they are listed, and knows afterwards which of the named ones were not there.</summary>
internal sealed class QueueSelectionMatcher
{
    private readonly QueueSelection _selection;
    private readonly IReadOnlyList<WildcardPattern> _names;
    private readonly IReadOnlyList<WildcardPattern> _excluded;
    private readonly IReadOnlyList<WildcardPattern> _virtualHosts;
    private readonly HashSet<QueueName>? _exactly;
    private readonly HashSet<WildcardPattern> _unseenNames;
    private readonly HashSet<QueueName> _unseenExactly;

    internal QueueSelectionMatcher(QueueSelection selection)
    {
        _selection = selection;
        _names = Patterns(selection.Names);
        _excluded = Patterns(selection.ExcludedNames);
        _virtualHosts = Patterns(selection.VirtualHosts);
        _exactly = selection.Exactly is null ? null : [.. selection.Exactly];
        _unseenNames = [.. _names.Where(pattern => pattern.IsLiteral)];
        _unseenExactly = [.. selection.Exactly ?? []];
        foreach (string type in selection.Types)
        {
            if (type is not (QueueTypes.Classic or QueueTypes.Quorum or QueueTypes.Stream))
            {
                throw new ArgumentException($"'{type}' is not a queue type; 'classic', 'quorum' and 'stream' are.", nameof(selection));
            }
        }
    }

    /// <summary>Virtual hosts that were named without a wildcard, as patterns.</summary>
    internal IEnumerable<WildcardPattern> NamedVirtualHosts => _virtualHosts.Where(pattern => pattern.IsLiteral);

    /// <summary>Names without a wildcard, and queues named exactly, that <see cref="Matches"/> was never asked about.</summary>
    internal IEnumerable<string> Missing => _unseenNames.Select(pattern => pattern.Text).Concat(_unseenExactly.Select(queue => queue.ToString()));

    /// <summary>Queues of this virtual host may be meant.</summary>
    internal bool MatchesVirtualHost(string name) => Any(_virtualHosts, name);

    /// <summary>Takes note of the queue, and decides.</summary>
    internal bool Matches(QueueInfo queue)
    {
        QueueName name = new(queue.VirtualHost, queue.Name);
        _unseenExactly.Remove(name);
        if (!MatchesVirtualHost(queue.VirtualHost))
        {
            return false;
        }

        _unseenNames.RemoveWhere(pattern => pattern.Matches(queue.Name));
        return _exactly?.Contains(name) != false
            && Any(_names, queue.Name)
            && !(_excluded.Count > 0 && Any(_excluded, queue.Name))
            && (_selection.Types.Count == 0 || _selection.Types.Contains(queue.Type))
            && queue.Messages >= _selection.MinimumDepth;
    }

    private static bool Any(IReadOnlyList<WildcardPattern> patterns, string name)
    {
        if (patterns.Count == 0)
        {
            return true;
        }

        foreach (WildcardPattern pattern in patterns)
        {
            if (pattern.Matches(name))
            {
                return true;
            }
        }

        return false;
    }

    private static IReadOnlyList<WildcardPattern> Patterns(IReadOnlyList<string> texts) => [.. texts.Select(text => new WildcardPattern(text))];
}
